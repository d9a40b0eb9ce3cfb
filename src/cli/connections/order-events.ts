import { MAX_PAGE } from '../../api/schemas/page-limits.js';
import { pause } from '../../concurrency/pause.js';
import { contiguous } from '../../log/journal/fold.js';
import type { OrderEvent } from '../../order/events.js';
import { evolve } from '../../order/evolve.js';
import type { Order } from '../../order/order.js';
import { exitCodes, Failure } from '../script/failure.js';
import { type Api, apiPath, type Page } from './api.js';

/* The events of one order, which is polled. */

/** Pauses between two polls: short while events arrive, longer while none do. */
const POLL_MS = { shortest: 150, longest: 2_000 };

/** An event, and the order as it was after it. */
export interface Happened {
  readonly event: OrderEvent;
  readonly order: Order;
  /** whether no later event was read yet */
  readonly isLast: boolean;
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
  const isOver = () => signal?.aborted === true;
  while (!isOver()) {
    let events: readonly OrderEvent[] = [];
    try {
      events = await eventsOf(api, orderId, { after: order?.version, signal });
      if (order !== undefined) events = contiguous(events, order.version);
      hasAnswered = true;
      isAway = false;
    } catch (error) {
      if (isOver()) return;
      if (!hasAnswered || !(error instanceof Failure) || error.exitCode !== exitCodes.unavailable)
        throw error;
      if (!isAway) onTrouble?.(error);
      isAway = true;
    }
    for (const event of events) {
      order = evolve(order, event);
      yield { event, order, isLast: event === events.at(-1) };
    }
    pauseMs = events.length > 0 ? POLL_MS.shortest : Math.min(pauseMs * 1.5, POLL_MS.longest);
    await pause(pauseMs, signal);
  }
}

export interface EventsOptions {
  readonly source?: string;
  /** only events after this version */
  readonly after?: number | undefined;
  /** ends the request */
  readonly signal?: AbortSignal | undefined;
}

/** The events of an order, from all pages. */
export async function eventsOf(
  api: Api,
  orderId: string,
  { source, after: first, signal }: EventsOptions = {},
): Promise<readonly OrderEvent[]> {
  const events: OrderEvent[] = [];
  let after: string | number | undefined = first;
  do {
    const query = { source, after, limit: MAX_PAGE };
    const page: Page<OrderEvent> = await api.get(apiPath`/v1/orders/${orderId}/events`, query, signal);
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
export async function untilOrder(
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
