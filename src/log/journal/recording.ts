import type { Step } from '../../order-log.js';
import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import type { StoredEvent } from '../../order/events.js';
import type { Order } from '../../order/order.js';
import { appendToJournal, insertIntoJournal, isHeldFromItsBeginning, lastResumption } from './journal.js';
import { supersededFailure } from './fork.js';
import { inGroups } from '../../concurrency/batcher.js';
import { isMongoOutage } from '../../outages/mongo-outage.js';
import { type Replacement, extended, projectOrder, replaceViews } from '../../views/orders.js';
import { RecentOrders } from '../../views/recent-orders.js';

/** As many as a worker keeps workflows of: with one worker, those that are at work. */
const recentOrders = 1_000;
const stepsInGroup = 50;

/**
 * Records events of one order, ascending: in the journal, then in the view. Repeated, overtaken or run twice at once, it
 * comes to the same. When it resolves, the events are in the journal, and in the view too as far as no earlier one is missing.
 *
 * @param options `recorder`: who remembers what is returned (see `createRecorder`); `resumption`: see `Step`
 * @returns the order as it is in the view; undefined where there is none
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
  // One causally consistent session: the view's read sees the journal's write even where another node became primary between.
  return await db.client.withSession({ causalConsistency: true }, async (session) => {
    // What a run decided that was replaced follows nothing in the journal, even if nothing is there yet.
    const resumed = first.version === 1 ? undefined : await lastResumption(db, first.orderId, { session });
    if (resumed !== undefined && resumed.version > resumption && last.version > resumed.version)
      throw supersededFailure(resumed);
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
   * `record`, which resolves only if the journal holds the order's log without a gap up to `version`.
   *
   * @throws LogIncomplete if it does not: what `version` leads to may not be done yet
   */
  readonly recordUpTo: (
    orderId: string,
    version: number,
    events: readonly StoredEvent[],
    resumption?: Resumption,
  ) => Promise<void>;
}

/** The journal lacks events of an order that its workflow has decided. They are on their way, or have to be restored. */
export class LogIncomplete extends Error {
  override readonly name = 'LogIncomplete';
}

/**
 * `record` for a worker, which remembers the orders it recorded last. Events that follow one of them need two writes and no
 * read, and share them with other orders' that come at the same time. Whatever is not as remembered is recorded as usual.
 */
export function createRecorder(db: Db): Recorder {
  const me = randomUUID();
  const recent = new RecentOrders(recentOrders);
  const insert = inGroups({ size: stepsInGroup }, (steps: readonly (readonly StoredEvent[])[]) =>
    unlessRefused(steps, () => insertIntoJournal(db, steps.flat())),
  );
  const replace = inGroups({ size: stepsInGroup }, (replacements: readonly Replacement[]) =>
    unlessRefused(replacements, () => replaceViews(db, replacements, me)),
  );

  async function follow(
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
  async function recorded(
    events: readonly StoredEvent[],
    resumption: Resumption,
  ): Promise<Order | undefined> {
    const known = events[0] && recent.get(events[0].orderId);
    const order =
      (known && (await follow(known, events, resumption))) ??
      (await record(db, events, { recorder: me, resumption }));
    if (order !== undefined) recent.keep(order);
    return order;
  }

  return {
    async record(events, resumption) {
      await recorded(events, resumption);
    },
    async recordUpTo(orderId, version, events, resumption) {
      const order =
        (await recorded(events, resumption)) ?? (await projectOrder(db, orderId, { recorder: me }));
      if (order !== undefined && order.version >= version) return;
      if (await isHeldFromItsBeginning(db, orderId, version)) return;
      throw new LogIncomplete(`the journal lacks events of order ${orderId} up to version ${version}`);
    },
  };
}

/** What is wrong with one of several is no error of the others: false, and each is to try by itself. */
async function unlessRefused(group: readonly unknown[], write: () => Promise<boolean>): Promise<boolean> {
  try {
    return await write();
  } catch (error) {
    if (group.length === 1 || isMongoOutage(error)) throw error;
    return false;
  }
}
