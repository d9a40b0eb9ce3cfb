import type { Db } from 'mongodb';
import { evolve } from '../../../order/evolve.js';
import type { Order } from '../../../order/order.js';
import type { StoredEvent } from '../../../order/events.js';
import { NewerEvent, upcast } from '../../../order/upcasters.js';
import { laterBeginnings, readJournalsBefore } from '../../journal/journal.js';
import { RecentOrders } from '../../../views/recent-orders.js';

const rememberedOrders = 5_000;

/** What an order was before an event is lost for good: no view across orders can tell what the event changes. */
export class LostPast extends Error {
  override readonly name = 'LostPast';
}

/**
 * The orders as they were before the events that a view comes to next: those it has just seen from memory, others folded
 * from the journal. Remembers some thousands.
 */
export class OrderStates {
  private readonly db: Db;
  private readonly recent = new RecentOrders(rememberedOrders);

  constructor(db: Db) {
    this.db = db;
  }

  /**
   * The orders of `events`, each as before the first of its events; undefined where that is its first of all. An error where
   * its log has a gap or cannot be folded, a LostPast where that will never be otherwise.
   *
   * @throws NewerEvent
   */
  async before(events: readonly StoredEvent[]): Promise<Map<string, Order | Error | undefined>> {
    const found = new Map<string, Order | Error | undefined>();
    const missing = new Map<string, number>();
    for (const { orderId, version } of events) {
      if (found.has(orderId)) continue;
      const known = this.recent.get(orderId);
      found.set(orderId, known?.version === version - 1 ? known : undefined);
      if (version > 1 && known?.version !== version - 1) missing.set(orderId, version);
    }
    for await (const event of readJournalsBefore(this.db, missing)) {
      const before = found.get(event.orderId);
      if (!(before instanceof Error)) found.set(event.orderId, next(before, event));
    }
    for (const [orderId, version] of missing) {
      const state = found.get(orderId);
      if (!(state instanceof Error) && state?.version !== version - 1)
        found.set(orderId, gap(orderId, state));
    }
    const broken = [...missing.keys()].filter((orderId) => found.get(orderId) instanceof Error);
    for (const [orderId, version] of await laterBeginnings(this.db, broken)) {
      if (version <= (missing.get(orderId) ?? 0)) found.set(orderId, new LostPast(orderId));
    }
    return found;
  }

  remember(states: ReadonlyMap<string, Order>): void {
    for (const state of states.values()) this.recent.keep(state);
  }

  forget(): void {
    this.recent.clear();
  }
}

/**
 * Splits events so that within a part those of an order follow one another. One that was lost, and came back behind later
 * ones, follows none of them: what its order was before it is in the journal.
 */
export function* consecutive<E extends Pick<StoredEvent, 'orderId' | 'version'>>(
  events: readonly E[],
): Generator<readonly E[], void> {
  const last = new Map<string, number>();
  let from = 0;
  for (const [index, { orderId, version }] of events.entries()) {
    if ((last.get(orderId) ?? version - 1) !== version - 1) {
      yield events.slice(from, index);
      from = index;
      last.clear();
    }
    last.set(orderId, version);
  }
  if (from < events.length) yield events.slice(from);
}

/** The event that an order would have to go on with is not in the journal. */
export class Gap extends Error {
  override readonly name = 'Gap';
}

/**
 * The order after an event; an error where that cannot be told.
 *
 * @throws NewerEvent: whoever knows it will go on
 */
export function next(before: Order | undefined, event: StoredEvent): Order | Error {
  if (event.version !== (before?.version ?? 0) + 1) return gap(event.orderId, before);
  try {
    return evolve(before, upcast(event));
  } catch (error) {
    if (error instanceof NewerEvent) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function gap(orderId: string, state: Order | undefined): Gap {
  return new Gap(`The journal of order ${orderId} lacks version ${(state?.version ?? 0) + 1}.`);
}
