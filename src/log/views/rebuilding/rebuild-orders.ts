import { ApplicationFailure } from '@temporalio/common';
import { type Collection, type Db, type Filter, MongoNetworkTimeoutError } from 'mongodb';
import { prefetch } from '../../../concurrency/async-iterables.js';
import { committed, durable, insertMissing } from '../../journal/durability.js';
import { feedHead } from '../../feed/feed.js';
import { type JournalDocument, journal, notJournaled, readJournals } from '../../journal/journal.js';
import { Superseded } from '../../feed/sequencer.js';
import { isServerError } from '../../../outages/server-error.js';
import type { Order } from '../../../order/order.js';
import { Gap, next as orderAfter } from '../feeding/order-states.js';
import {
  type OrderDocument,
  orderIndexes,
  orders,
  ordersVersion,
  projectOrder,
  searchable,
  viewedOrders,
} from '../../../views/orders.js';
import type { Rebuilding } from './rebuild.js';
import {
  type Exceptions,
  noteFirstVersion,
  StoreRebuilder,
  storeRebuilds,
  versionOf,
  versionRead,
} from './store-rebuild.js';

const ordersAtATime = 200;
/** If fewer orders than this were touched, the swap is near. */
const almostThere = 100;
const rounds = 10;

/**
 * Rebuilds the view `orders` from the journal, in a collection beside the one that is read and
 * written, then renames it to `orders`. Orders that are recorded during the rebuild are folded
 * again, before and once more after the swap. An order whose log cannot be folded from its first
 * event on, or is gone, is taken over as it was.
 *
 * @returns false if `signal` ended it before it was done
 * @throws Superseded if another holder has taken it over, or its version is newer than the one of
 *   this process; and any error of MongoDB: call it again, it continues. ApplicationFailure, which
 *   is not retried, if its version is older.
 */
export async function rebuildOrders(rebuilding: Rebuilding): Promise<boolean> {
  const { db, heartbeat, rebuildId } = rebuilding;
  const rebuilder = await takeOver(rebuilding);
  const { phase } = rebuilder.state;
  if (phase === 'done') return true;
  refuseOtherVersion(versionOf(rebuilder.state));
  // An earlier version of the code kept no name, and had only one.
  const collection = rebuilder.state.collection ?? 'orders_next';
  await dropUnusedBuilds(db, rebuilder, collection);
  const target: Target = { db, next: db.collection(collection), rebuildId };
  if (phase === 'running') {
    if (!(await fill(target, rebuilder, rebuilding))) return false;
    const exceptions = await takeOverUnjournaled(target, rebuilder, heartbeat);
    if (!(await buildIndexes(target, rebuilder, rebuilding))) return false;
    await catchUp(target, rebuilder, heartbeat);
    const identity = await identityOf(db, collection);
    await rebuilder.advance({ phase: 'swapping', identity, exceptions });
  }
  // If an earlier holder ended right after its swap, the collection is renamed already.
  if ((await identityOf(db, 'orders')) !== rebuilder.state.identity)
    await target.next.rename('orders', { dropTarget: true });
  // What was recorded just before the swap is in the collection that is gone.
  for await (const orderIds of touchedSince(db, rebuilder.state.since)) {
    for (const orderId of orderIds)
      await projectOrder(db, orderId, { recorder: rebuildId }).catch(rethrowServerError);
    heartbeat(rebuilder.state.done);
  }
  await rebuilder.advance({ phase: 'done' });
  await dropUnusedBuilds(db, rebuilder, collection);
  return true;
}

/**
 * @throws Superseded for a newer version: a worker that has it continues. ApplicationFailure, not
 *   retried, for an older one: a rebuild to the version of this process takes its place.
 */
function refuseOtherVersion(version: number): void {
  if (version > ordersVersion)
    throw new Superseded(`The view orders is rebuilt as version ${version}; here is ${ordersVersion}.`);
  if (version < ordersVersion)
    throw ApplicationFailure.nonRetryable(
      `This rebuild makes version ${version} of the view orders, which version ${ordersVersion} replaces.`,
      'RebuildOutdated',
    );
}

/**
 * Whether neither the view nor a rebuild under way has the version of this process yet. A view
 * without any order has that version from now on.
 */
export async function areOrdersOutdated(db: Db): Promise<boolean> {
  const rebuild = await storeRebuilds(db).findOne({ _id: 'orders' }, committed);
  if (rebuild === null && (await orders(db).findOne({}, { ...committed, projection: { _id: 1 } })) === null) {
    await noteFirstVersion(db, 'orders', ordersVersion);
    return false;
  }
  return Math.max(versionOf(rebuild), versionRead(rebuild)) < ordersVersion;
}

async function takeOver({ db, rebuildId }: Rebuilding): Promise<StoreRebuilder> {
  return await StoreRebuilder.takeOver(db, 'orders', rebuildId, async (last) => ({
    since: await feedHead(db),
    total: await orders(db).estimatedDocumentCount(),
    version: ordersVersion,
    replaces: versionRead(last),
    collection: `orders_next_${rebuildId}`,
  }));
}

/** Where a rebuild writes, and under which name. */
interface Target {
  readonly db: Db;
  /**
   * Its name is unique to this rebuild, so that a late holder of another rebuild cannot swap it in.
   */
  readonly next: Collection<OrderDocument>;
  readonly rebuildId: string;
}

/**
 * An order whose log is broken does not stop the others: it stays as it was, or waits for its own
 * steps.
 */
function rethrowServerError(error: unknown): void {
  if (isServerError(error)) throw error;
}

/** The UUID of a collection, which a rename keeps; undefined if there is no such collection. */
async function identityOf(db: Db, name: string): Promise<string | undefined> {
  const [found] = await db.listCollections({ name }, { nameOnly: false }).toArray();
  return found?.info?.uuid?.toString('hex');
}

/**
 * Drops what other rebuilds have left, `orders_before_…` of earlier versions of this code included.
 */
async function dropUnusedBuilds(db: Db, rebuilder: StoreRebuilder, collection: string): Promise<void> {
  const found = await db.listCollections({ name: /^orders_(next|before)/ }, { nameOnly: true }).toArray();
  // Checks, after the list was read, that no other rebuild has taken over. A rebuild that takes
  // over later is not in the list.
  await rebuilder.advance({});
  for (const { name } of found) if (name !== collection) await db.dropCollection(name);
}

/** Writes every order, by id, from the rebuild's checkpoint on. */
async function fill(
  target: Target,
  rebuilder: StoreRebuilder,
  { db, signal, heartbeat }: Rebuilding,
): Promise<boolean> {
  const { place } = rebuilder.state;
  for await (const batch of prefetch(
    foldedOrders(db, place === undefined ? {} : { orderId: { $gt: place } }),
  )) {
    if (signal.aborted) return false;
    const exceptions = rebuilder.exceptionsWith(await write(target, batch));
    const done = rebuilder.state.done + batch.size;
    await rebuilder.advance({ place: [...batch.keys()].at(-1) ?? '', done, exceptions });
    heartbeat(done);
  }
  return true;
}

/**
 * Copies from the replaced view the orders of which the journal has no event: the journal lost
 * them, and their histories have expired.
 *
 * @returns the exceptions, with these orders among them
 */
async function takeOverUnjournaled(
  target: Target,
  rebuilder: StoreRebuilder,
  heartbeat: Rebuilding['heartbeat'],
): Promise<Exceptions> {
  const { db } = target;
  const unjournaled: string[] = [];
  for await (const taken of notJournaled(db, viewedOrders(db))) {
    const none = new Error('The journal has no event of it.');
    if (taken.length > 0) await write(target, new Map(taken.map((orderId) => [orderId, none])));
    unjournaled.push(...taken);
    heartbeat(rebuilder.state.done);
  }
  return rebuilder.exceptionsWith(unjournaled);
}

/**
 * Builds all indexes once all orders are written: that costs less than half of keeping them up to
 * date on the way.
 *
 * @returns false if `signal` ended it before it was done
 */
async function buildIndexes(
  { next }: Target,
  { state }: StoreRebuilder,
  { signal, heartbeat }: Rebuilding,
): Promise<boolean> {
  for (;;) {
    try {
      await next.createIndexes([...orderIndexes]);
      return true;
    } catch (error) {
      // The connection timed out on a long build. Asked again, MongoDB answers when the same build
      // is done.
      if (!(error instanceof MongoNetworkTimeoutError)) throw error;
      if (signal.aborted) return false;
    }
    heartbeat(state.done);
  }
}

/** Folds what was recorded since the rebuild began, until few orders are left. */
async function catchUp(
  target: Target,
  rebuilder: StoreRebuilder,
  heartbeat: Rebuilding['heartbeat'],
): Promise<void> {
  const { db } = target;
  for (let round = 0; round < rounds; round += 1) {
    const head = await feedHead(db);
    let touched = 0;
    for await (const orderIds of touchedSince(db, rebuilder.state.since)) {
      for await (const batch of foldedOrders(db, { orderId: { $in: orderIds } })) await write(target, batch);
      heartbeat(rebuilder.state.done);
      touched += orderIds.length;
    }
    await rebuilder.advance({ since: head });
    if (touched < almostThere) break;
  }
}

/** Orders by id, each folded, or the error of folding it. */
type Batch = ReadonlyMap<string, Order | Error>;

/** The orders of the events that match, each as far as its log goes. */
async function* foldedOrders(db: Db, filter: Filter<JournalDocument>): AsyncGenerator<Batch, void> {
  let batch = new Map<string, Order | Error>();
  for await (const event of readJournals(db, filter)) {
    const before = batch.get(event.orderId);
    if (before === undefined && batch.size === ordersAtATime) {
      yield batch;
      batch = new Map();
    }
    const after = before instanceof Error ? before : orderAfter(before, event);
    // Up to a gap, as recording does: the view does not have the events after it yet.
    batch.set(event.orderId, after instanceof Gap && before !== undefined ? before : after);
  }
  if (batch.size > 0) yield batch;
}

/**
 * Writes orders, unless a newer one is there.
 *
 * @returns ids of the orders that were taken over from the view that is replaced
 */
async function write({ db, next, rebuildId }: Target, batch: Batch): Promise<readonly string[]> {
  const kept = [...batch].flatMap(([orderId, order]) => (order instanceof Error ? [orderId] : []));
  const taken =
    kept.length === 0
      ? []
      : await orders(db)
          .find({ _id: { $in: kept } }, committed)
          .toArray();
  const folded = [...batch.values()].flatMap((order) => (order instanceof Error ? [] : [order]));
  const made = await Promise.all(folded.map((order) => searchable(db, order)));
  // A worker that has cached an order of the replaced view sees another `recorder`, even at the
  // same version, and reads it again.
  const documents = [...made, ...taken].map((document) => ({ ...document, recorder: rebuildId }));
  if (documents.length === 0) return kept;
  const there = await insertMissing(next, documents);
  if (there.length > 0) await replaceOlder(next, there);
  return kept;
}

async function replaceOlder(
  next: Collection<OrderDocument>,
  documents: readonly OrderDocument[],
): Promise<void> {
  await next.bulkWrite(
    documents.map((replacement) => ({
      replaceOne: {
        filter: { _id: replacement.orderId, version: { $lt: replacement.version } },
        replacement,
      },
    })),
    { ordered: false, ...durable },
  );
}

/**
 * Orders with events that have no position yet, or one after `since`. In this sequence: the second
 * look finds an event that gets its position during the first.
 */
async function* touchedSince(db: Db, since: number): AsyncGenerator<readonly string[], void> {
  for (const filter of [{ unsequenced: true } as const, { position: { $gt: since } }]) {
    let touched = new Set<string>();
    const found = journal(db).find(filter, committed).project<{ orderId: string }>({ _id: 0, orderId: 1 });
    for await (const { orderId } of found) {
      touched.add(orderId);
      if (touched.size < ordersAtATime) continue;
      yield [...touched];
      touched = new Set();
    }
    if (touched.size > 0) yield [...touched];
  }
}
