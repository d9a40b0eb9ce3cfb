import { MAX_PAGE } from '../../api/schemas/page-limits.js';
import { pause } from '../../concurrency/pause.js';
import { contiguous } from '../../log/journal/fold.js';
import { consequence } from '../../order/consequences.js';
import type { OrderEvent } from '../../order/events.js';
import { evolve } from '../../order/evolve.js';
import { isFinished, isReadyToClose, type Order } from '../../order/order.js';
import { exitCodes, Failure } from '../script/failure.js';
import { type Api, apiPath, type Page } from './api.js';

/* Events as the API has them: of one order, which is polled, and of all orders, as they arrive. */

/** Pauses between two polls: short while events arrive, longer while none do. */
const POLL_MS = { shortest: 150, longest: 2_000 };
const RECONNECT_MS = 1_000;
/** Maximum number of orders whose currency is remembered. */
const MAX_REMEMBERED = 10_000;

/** An event, and the order as it was after it. */
export interface Happened {
  readonly event: OrderEvent;
  readonly order: Order;
}

/**
 * Whether the order changes only after a command, a fact or a deadline. It is false between two
 * events of one decision, because the second follows from the first.
 */
export function isAtRest(order: Order): boolean {
  return order.owed.length === 0 && consequence(order, order.updatedAt) === undefined;
}

/**
 * Whether the order is over, except for returns. It can then change only by a command or by
 * closing.
 */
export function isOver(order: Order): boolean {
  return isFinished(order) || isReadyToClose(order);
}

export interface FollowOptions {
  /** the order as the caller has it; only later events are yielded */
  readonly from?: Order | undefined;
  /** ends the generator */
  readonly signal?: AbortSignal;
  /** Called when the API stops answering. If it has answered before, polling continues. */
  readonly onTrouble?: (failure: Failure) => void;
}

/**
 * Yields the events of an order as they arrive, until `signal` aborts. It polls, because the
 * order's stream sends nothing while no process gives positions to events.
 *
 * @throws Failure if the first poll fails, such as for an unknown order
 */
export async function* follow(
  api: Api,
  orderId: string,
  { from, signal, onTrouble }: FollowOptions = {},
): AsyncGenerator<Happened, void> {
  let order = from;
  let hasAnswered = from !== undefined;
  let isAway = false;
  let pauseMs = POLL_MS.shortest;
  for (;;) {
    if (signal?.aborted === true) return;
    let events: readonly OrderEvent[] = [];
    try {
      events = await eventsOf(api, orderId, { after: order?.version });
      if (order !== undefined) events = contiguous(events, order.version);
      hasAnswered = true;
      isAway = false;
    } catch (error) {
      if (!hasAnswered || !(error instanceof Failure) || error.exitCode !== exitCodes.unavailable)
        throw error;
      if (!isAway) onTrouble?.(error);
      isAway = true;
    }
    for (const event of events) {
      order = evolve(order, event);
      yield { event, order };
    }
    pauseMs = events.length > 0 ? POLL_MS.shortest : Math.min(pauseMs * 1.5, POLL_MS.longest);
    await pause(pauseMs, signal);
  }
}

/** All events of an order, or those after a version, from all pages. */
export async function eventsOf(
  api: Api,
  orderId: string,
  { source, after: first }: { readonly source?: string; readonly after?: number | undefined } = {},
): Promise<readonly OrderEvent[]> {
  const events: OrderEvent[] = [];
  let after: string | number | undefined = first;
  do {
    const query = { source, after, limit: MAX_PAGE };
    const page: Page<OrderEvent> = await api.get(apiPath`/v1/orders/${orderId}/events`, query);
    events.push(...page.data);
    after = page.nextCursor;
  } while (after !== undefined);
  return events;
}

export interface UntilOptions {
  readonly from?: Order | undefined;
  readonly withinMs: number;
  readonly onHappened?: (happened: Happened) => void;
}

/**
 * Follows an order until `holds` returns true or the time is up. Returns the order as last seen,
 * and whether `holds` returned true.
 */
export async function until(
  api: Api,
  orderId: string,
  holds: (order: Order) => boolean,
  { from, withinMs, onHappened }: UntilOptions,
): Promise<{ readonly order: Order | undefined; readonly reached: boolean }> {
  let order = from;
  if (order !== undefined && holds(order)) return { order, reached: true };
  for await (const happened of follow(api, orderId, { from, signal: AbortSignal.timeout(withinMs) })) {
    onHappened?.(happened);
    ({ order } = happened);
    if (holds(order)) return { order, reached: true };
  }
  return { order, reached: false };
}

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

/**
 * Finds the currency of an event's order, in the order's first event or by asking the API. The
 * currency is empty if the API cannot give it.
 */
export function currencies(api: Api): (event: OrderEvent) => Promise<string> {
  const known = new Map<string, string>();
  return async (event) => {
    const { orderId } = event;
    let currency = event.type === 'OrderCreated' ? event.data.currency : known.get(orderId);
    try {
      currency ??= (await api.get<{ readonly currency: string }>(apiPath`/v1/orders/${orderId}`)).currency;
    } catch (error) {
      if (error instanceof Failure) return '';
      throw error;
    }
    known.delete(orderId);
    known.set(orderId, currency);
    const [oldest] = known.keys();
    if (known.size > MAX_REMEMBERED && oldest !== undefined) known.delete(oldest);
    return currency;
  };
}
