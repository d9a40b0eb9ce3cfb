import { once } from 'node:events';
import type { Consumer } from '@platformatic/kafka';

/** After this time without a heartbeat, the group gives the partitions to another member. */
export const SESSION_MS = 10_000;
export const HEARTBEAT_MS = 2_000;
/**
 * If the coordinator does not answer for this long, it may soon give the partitions to another
 * member.
 */
const SILENT_MS = SESSION_MS - HEARTBEAT_MS;
const CHECK_EVERY_MS = 500;
const REJOIN_WITHIN_MS = 3 * SESSION_MS;

/**
 * Tracks, by the events of the client, whether this member still has its partitions. A failed
 * heartbeat ends the membership, because the client sends no further heartbeat.
 */
export class Membership {
  private readonly consumer: Consumer;
  private readonly lost = new AbortController();
  private readonly checking: NodeJS.Timeout;
  /** aborted when the group rebalances; a new one begins when this member has joined again */
  private term = new AbortController();
  private askedAt = 0;
  /** when the member sent the last request that the group has answered */
  private confirmedAt = 0;

  constructor(consumer: Consumer) {
    this.consumer = consumer;
    this.term.abort();
    consumer.on('consumer:group:join', () => {
      this.confirmedAt = performance.now();
      this.term.abort();
      this.term = new AbortController();
    });
    consumer.on('consumer:group:rebalance', () => {
      this.term.abort();
      // The group's leader assigns only the partitions in its metadata, and old metadata may lack
      // new partitions.
      consumer.clearMetadata();
    });
    consumer.on('consumer:heartbeat:start', () => void (this.askedAt = performance.now()));
    consumer.on('consumer:heartbeat:end', () => void (this.confirmedAt = this.askedAt));
    consumer.on('consumer:heartbeat:error', ({ error }) => this.lose(error));
    consumer.on('error', (error) => this.lose(error));
    this.checking = setInterval(() => {
      if (!this.term.signal.aborted && !this.isHeld)
        this.lose(new Error('the coordinator of the group does not answer'));
    }, CHECK_EVERY_MS);
  }

  /** Aborts when the group rebalances, or this member is no longer in it. */
  get whileHeld(): AbortSignal {
    return this.term.signal;
  }

  /** Whether this member still has its partitions, as far as the group has recently confirmed. */
  get isHeld(): boolean {
    return !this.term.signal.aborted && performance.now() - this.confirmedAt < SILENT_MS;
  }

  /** Waits until the member has partitions again. */
  async rejoined(signal: AbortSignal): Promise<void> {
    this.check();
    const waiting = new AbortController();
    const stop = stopWith(waiting, [signal, this.lost.signal]);
    const late = setTimeout(() => this.lose(new Error('the group is not joined again')), REJOIN_WITHIN_MS);
    try {
      await once(this.consumer, 'consumer:group:join', { signal: waiting.signal });
    } catch (error) {
      this.check();
      if (!signal.aborted) throw error;
    } finally {
      clearTimeout(late);
      stop();
    }
  }

  /** @throws the reason why the membership is lost, if it is lost; then a new client has to join */
  check(): void {
    if (this.lost.signal.aborted) throw this.lost.signal.reason;
  }

  end(): void {
    clearInterval(this.checking);
    this.term.abort();
  }

  private lose(error: Error): void {
    this.lost.abort(error);
    this.term.abort();
  }
}

/**
 * Aborts `controller` when the first of these signals aborts.
 *
 * @returns a function that removes the listeners, which would otherwise keep `controller` in memory
 */
export function stopWith(controller: AbortController, signals: readonly AbortSignal[]): () => void {
  const stop = () => controller.abort();
  for (const signal of signals) {
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  }
  return () => {
    for (const signal of signals) signal.removeEventListener('abort', stop);
  };
}
