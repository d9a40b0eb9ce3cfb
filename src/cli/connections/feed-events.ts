import { pause } from '../../concurrency/pause.js';
import type { OrderEvent } from '../../order/events.js';
import { exitCodes, Failure } from '../script/failure.js';
import type { Api } from './api.js';

/* The events of all orders, as they arrive in the feed. */

const RECONNECT_MS = 1_000;

/**
 * Yields the events of all orders from now on, each once and in the sequence of the feed. When the
 * connection breaks, it is opened again and continues after the last event.
 *
 * @param onTrouble called when the API stops answering
 * @throws Failure if the first connection fails, or the feed cannot be resumed
 */
export async function* followFeed(
  api: Api,
  onTrouble: (failure: Failure) => void,
): AsyncGenerator<OrderEvent, void> {
  let last: string | undefined;
  let hasAnswered = false;
  let isAway = false;
  for (;;) {
    const headers = last === undefined ? {} : { 'last-event-id': last };
    try {
      const body = await api.open('/v1/events/stream', headers);
      hasAnswered = true;
      isAway = false;
      for await (const { id, data } of serverSent(untilBroken(body))) {
        last = id;
        yield JSON.parse(data) as OrderEvent;
      }
    } catch (error) {
      const isOutage = error instanceof Failure && error.exitCode === exitCodes.unavailable;
      if (!hasAnswered || !isOutage) throw error;
      if (!isAway) onTrouble(error);
      isAway = true;
    }
    await pause(RECONNECT_MS);
  }
}

/** Yields bytes until the connection ends or breaks. */
async function* untilBroken(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  try {
    yield* body;
  } catch {
    // The caller opens the stream again.
  }
}

interface ServerSent {
  readonly id: string;
  readonly data: string;
}

/** The events of a stream; comments are left out. */
export async function* serverSent(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSent, void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    const blocks = text.split('\n\n');
    // The text after the last empty line is not complete yet.
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, id] = /^id: (.*)$/m.exec(block) ?? [];
      const [, data] = /^data: (.*)$/m.exec(block) ?? [];
      if (id !== undefined && data !== undefined) yield { id, data };
    }
  }
}
