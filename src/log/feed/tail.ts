import type { Db } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { notifyWaiters, untilHolds, type Waiters } from '../../concurrency/until-holds.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { type EntityListener, EntityListeners } from './entity-listeners.js';
import { feedEnd } from './feed.js';
import { FeedPages } from './feed-pages.js';
import { type JournalDelete, type EventPosition, noneDeleted, openPositions } from './journal-changes.js';
import { type GivenPosition, RecentEvents } from './recent-events.js';

const POLL_EVERY_MS = 1_000;
/** After this time the feed is polled once, and the wait begins again. */
const MAX_WAIT_MS = 86_400_000;
/** The longest time that `stop` waits for the change stream. */
const AWAIT_MS = 300;

/**
 * Notifies the readers of a process when the feed grows. All readers share one change stream, which
 * opens for the first one. If the stream fails, the head is polled every second until a new stream
 * is open. While this process gives the positions itself, it needs no stream. While its sequencer
 * has begun but does not lead yet, the head is polled, because another leader may still give
 * positions.
 */
export class FeedTail {
  /** reads the events that readers are notified of */
  readonly pages: FeedPages;
  private readonly log: AnyLog;
  private readonly db: Db;
  private readonly stopping = new AbortController();
  private following: Promise<void> | undefined;
  private head = 0;
  private lastGeneration: number | undefined;
  private wakes = 0;
  /** where positions are given; `starting`: soon here, but perhaps still elsewhere */
  private sequencer: 'elsewhere' | 'starting' | 'here' = 'elsewhere';
  /** the last events of the current generation */
  private readonly recent = new RecentEvents();
  private readonly waiting: Waiters = new Set();
  private readonly listeners = new EntityListeners();

  constructor(log: AnyLog, db: Db) {
    this.log = log;
    this.db = db;
    this.pages = new FeedPages(log, db, this.recent, (generation) => this.setGeneration(generation));
  }

  /** the generation as it was seen last; undefined until it is known */
  get generation(): number | undefined {
    return this.lastGeneration;
  }

  /** how many times `wake` was called */
  get wakeCount(): number {
    return this.wakes;
  }

  /**
   * Resolves with the head: when it is beyond `position`, when the next generation begins, when
   * readers were woken since `wakeCount` was read, when time is up or when `signal` aborts. A
   * reader that reads `wakeCount` first, then the feed, and then waits, misses no wake-up.
   */
  async waitBeyond(
    position: number,
    signal: AbortSignal,
    withinMs: number,
    wakeCount = this.wakeCount,
  ): Promise<number> {
    this.follow();
    const { generation } = this;
    const isNext = () => generation !== undefined && this.generation !== generation;
    const hasChanged = () => this.head > position || this.wakeCount !== wakeCount || isNext();
    await untilHolds(this.waiting, hasChanged, signal, withinMs);
    return this.head;
  }

  /**
   * Wakes the readers although the feed may not have grown. The role `feed` does so when the builds
   * of a view, the state of a feed or an endpoint have changed (`watchBuildsAndFeeds`).
   */
  wake(): void {
    this.wakes += 1;
    notifyWaiters(this.waiting);
  }

  /** Starts to listen for events of one entity. */
  listenTo(orderId: string): EntityListener {
    this.follow();
    return this.listeners.add(orderId);
  }

  /**
   * The publisher for the sequencer of this process. Through it, readers get positions sooner than
   * from the change stream.
   */
  publishLocally(): LocalPublisher {
    this.sequencer = 'starting';
    return {
      lead: (position, generation) => {
        this.sequencer = 'here';
        this.setGeneration(generation);
        this.setHead(position);
        this.listeners.notifyAll();
      },
      publish: (given, generation) => {
        this.setGeneration(generation);
        for (const one of given) this.recent.add(one);
        this.advance(given);
      },
      close: () => {
        this.sequencer = 'elsewhere';
        this.recent.clear();
        this.wake();
      },
    };
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.following;
  }

  private follow(): void {
    this.following ??= this.followUntilStopped();
  }

  private async followUntilStopped(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      if (this.sequencer === 'elsewhere') await this.watch(signal).catch(() => undefined);
      await untilHolds(this.waiting, () => this.sequencer !== 'here', signal, MAX_WAIT_MS);
      if (signal.aborted) return;
      await this.poll().catch(() => undefined);
      await pause(POLL_EVERY_MS, signal);
    }
  }

  private async watch(signal: AbortSignal): Promise<void> {
    const stream = await openPositions(this.log, this.db);
    try {
      // The stream was opened first, so a position given in between is seen twice, but never
      // missed.
      await this.poll();
      let { changes } = await stream.next(AWAIT_MS);
      // Polls a second time: a position that a majority did not have yet when the stream opened is
      // missing from both the stream and the first poll.
      await this.poll();
      while (!signal.aborted && this.sequencer === 'elsewhere') {
        if (changes.length > 0) await this.onChanges(changes);
        ({ changes } = await stream.next(AWAIT_MS));
      }
    } finally {
      await stream.close();
    }
  }

  private async onChanges(changes: readonly (EventPosition | JournalDelete)[]): Promise<void> {
    const next = this.head + 1;
    // False if a position was seen twice, or an event was changed by hand or deleted.
    const areNext =
      noneDeleted<EventPosition>(changes) &&
      changes.every(({ position }, index) => position === next + index);
    if (areNext) this.advance(changes);
    else await this.poll();
  }

  private advance(positions: readonly EventPosition[]): void {
    const [first, last] = [positions[0], positions.at(-1)];
    if (first === undefined || last === undefined) return;
    // Another leader may have given positions in between, to entities that are not known here.
    const areNext = first.position === this.head + 1;
    this.setHead(last.position);
    if (areNext) this.listeners.notify(positions);
    else this.listeners.notifyAll();
  }

  /** Reads the end of the feed, and wakes every reader, because a position may have been missed. */
  private async poll(): Promise<void> {
    const known = this.head;
    const { generations, head } = await feedEnd(this.log, this.db);
    this.setGeneration(generations.current.generation);
    // The head was advanced during the read, or nothing was missed.
    if (this.head !== known || (this.sequencer !== 'elsewhere' && head === known)) return;
    this.setHead(head);
    this.listeners.notifyAll();
  }

  /** Wakes every reader if the feed is of another generation than before. */
  private setGeneration(generation: number): void {
    if (generation === this.generation) return;
    this.recent.begin(generation);
    this.lastGeneration = generation;
    notifyWaiters(this.waiting);
  }

  private setHead(head: number): void {
    if (head < this.head) this.recent.clear();
    this.head = head;
    notifyWaiters(this.waiting);
  }
}

export interface LocalPublisher {
  /** This process gives the positions from now on; `position` is the last one so far. */
  readonly lead: (position: number, generation: number) => void;
  /** These positions were given in a generation, in this sequence, and a majority has them. */
  readonly publish: (given: readonly GivenPosition[], generation: number) => void;
  readonly close: () => void;
}
