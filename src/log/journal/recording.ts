import type { Step } from '../../order-log.js';
import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import type { StoredEvent } from '../entity.js';
import type { Order } from '../../order/order.js';
import { appendToJournal, insertIntoJournal, holdsTruncatedLog, refuseReplacedRun } from './journal.js';
import { createBatcher } from '../../concurrency/batcher.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { type Replacement, extended, projectOrder, replaceViews } from '../../views/orders.js';
import { RecentOrders } from '../../views/recent-orders.js';

/** The size of a worker's workflow cache: with one worker, these are the active orders. */
const recentOrders = 1_000;
const batchSize = 50;

/**
 * Records events of one order, ascending: first in the journal, then in the view. Idempotent, also
 * if calls overlap or arrive out of order. When it resolves, the journal has the events, and so has
 * the view, unless an earlier event is still missing.
 *
 * @param options `recorder`: id of the recorder that will remember the result (see
 *   `createRecorder`); `resumption`: see `Step`
 * @returns the order as the view has it; undefined if there is no view
 * @throws ApplicationFailure of type `EventFork` or `Superseded` (see `appendToJournal`)
 */
export async function record(
  db: Db,
  events: readonly StoredEvent[],
  { recorder, resumption = 0 }: { readonly recorder?: string; readonly resumption?: Resumption } = {},
): Promise<Order | undefined> {
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined) return undefined;
  // A causally consistent session: the view's transaction sees the journal's write, even after a
  // failover.
  return await db.client.withSession({ causalConsistency: true }, async (session) => {
    // A replaced run is refused even if the journal has nothing under its versions yet.
    await refuseReplacedRun(db, events, resumption, { session });
    await appendToJournal(db, events, { session });
    return await projectOrder(db, first.orderId, {
      session,
      isNew: first.version === 1,
      ...(recorder !== undefined && { recorder }),
    });
  });
}

/** See `Step`. */
type Resumption = Step['resumption'];

export interface Recorder {
  /** See the function `record`. */
  readonly record: (events: readonly StoredEvent[], resumption?: Resumption) => Promise<void>;
  /**
   * Like `record`, but resolves only if the journal holds the order's log without a gap up to
   * `version`.
   *
   * @throws LogIncomplete if it does not: then the effect that `version` made owed must wait
   */
  readonly recordUpTo: (
    orderId: string,
    version: number,
    events: readonly StoredEvent[],
    resumption?: Resumption,
  ) => Promise<void>;
}

/** The journal lacks earlier events of the order. They are on their way, or have to be restored. */
export class LogIncomplete extends Error {
  override readonly name = 'LogIncomplete';
}

/**
 * `record` with a cache of recent orders, for a worker. Events that directly follow a cached order
 * take two writes and no read, and share these writes with other orders (micro-batches). In every
 * other case they are recorded by `record`.
 */
export function createRecorder(db: Db): Recorder {
  const recorderId = randomUUID();
  const recent = new RecentOrders<Order>(recentOrders);
  const insert = createBatcher({ size: batchSize }, (steps: readonly (readonly StoredEvent[])[]) =>
    tryBatch(steps, () => insertIntoJournal(db, steps.flat())),
  );
  const replace = createBatcher({ size: batchSize }, (replacements: readonly Replacement[]) =>
    tryBatch(replacements, () => replaceViews(db, replacements, recorderId)),
  );

  async function recordNext(
    known: Order,
    events: readonly StoredEvent[],
    resumption: Resumption,
  ): Promise<Order | undefined> {
    if (events[0]?.version !== known.version + 1 || known.resumed?.version !== resumption) return undefined;
    if (!(await insert(events))) return undefined;
    const order = extended(known, events);
    return order !== undefined && (await replace({ order, seen: known.version })) ? order : undefined;
  }

  /** @returns the order as the view has it now */
  async function recordAndRemember(
    events: readonly StoredEvent[],
    resumption: Resumption,
  ): Promise<Order | undefined> {
    const known = events[0] && recent.get(events[0].orderId);
    const order =
      (known && (await recordNext(known, events, resumption))) ??
      (await record(db, events, { recorder: recorderId, resumption }));
    if (order !== undefined) recent.keep(order);
    return order;
  }

  return {
    async record(events, resumption) {
      await recordAndRemember(events, resumption);
    },
    async recordUpTo(orderId, version, events, resumption) {
      const order =
        (await recordAndRemember(events, resumption)) ??
        (await projectOrder(db, orderId, { recorder: recorderId }));
      if (order !== undefined && order.version >= version) return;
      if (await holdsTruncatedLog(db, orderId, version)) return;
      throw new LogIncomplete(`the journal lacks events of order ${orderId} up to version ${version}`);
    },
  };
}

/**
 * If a batch fails because of one of its items, returns false, so that each is recorded by itself.
 */
async function tryBatch(batch: readonly unknown[], write: () => Promise<boolean>): Promise<boolean> {
  try {
    return await write();
  } catch (error) {
    if (batch.length === 1 || isMongoOutage(error)) throw error;
    return false;
  }
}
