import { type Collection, type Db, type Filter, MongoNetworkTimeoutError } from 'mongodb';
import { ahead } from '../../journal/chunks.js';
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
  toDocument,
  viewedOrders,
} from '../../../views/orders.js';
import type { Rebuilding } from './rebuild.js';
import {
  type Exceptions,
  noteFirstVersion,
  type StoreRebuild,
  StoreRebuilder,
  storeRebuilds,
  versionOf,
  versionRead,
} from './store-rebuild.js';

const ordersAtATime = 200;
/** Fewer orders than this were touched: the swap is near. */
const almostThere = 100;
const rounds = 10;

/**
 * Builds the view `orders` anew from the journal, in a collection beside the one that is read and written meanwhile, then
 * puts it in that one's place. Orders recorded meanwhile are folded again, before and, for what came in the last moment,
 * after. An order whose log cannot be folded from its first event on, or is gone, is taken over as it was. What is replaced is
 * kept for a roll-back, what was kept before is dropped.
 *
 * @returns false where `signal` ended it before
 * @throws Superseded where another has taken it over, or it is to a version that this process does not have; and any error of
 *   MongoDB: call it again, it goes on where it was
 */
export async function rebuildOrders(rebuilding: Rebuilding): Promise<boolean> {
  const rebuilder = await takeOver(rebuilding, () => ordersVersion);
  const version = versionOf(rebuilder.state);
  if (version !== ordersVersion)
    throw new Superseded(`The view orders is rebuilt as version ${version}; here is ${ordersVersion}.`);
  return await build(rebuilding, rebuilder, (filter) => foldedOrders(rebuilding.db, filter));
}

/**
 * Goes back to what the last rebuild replaced, as a rebuild does its work: each order is as it was then; one that was recorded
 * since, or was behind then, is folded by the version of this process. A second roll-back undoes the first. Where nothing is
 * kept any more, it comes to a rebuild.
 *
 * @returns false where `signal` ended it before
 * @throws Superseded where another has taken it over; and any error of MongoDB: call it again, it goes on where it was
 */
export async function rollBackOrders(rebuilding: Rebuilding): Promise<boolean> {
  const { db } = rebuilding;
  const rebuilder = await takeOver(rebuilding, (last) => last?.previous?.version ?? ordersVersion);
  const { previous } = rebuilder.state;
  return await build(rebuilding, rebuilder, (filter) =>
    previous === undefined ? foldedOrders(db, filter) : formerOrders(db, previous.collection, filter),
  );
}

/**
 * No build, not even one that was rolled back or is on its way, is of the version of this process yet. A view without any order
 * is of that version from then on.
 */
export async function areOrdersOutdated(db: Db): Promise<boolean> {
  const rebuild = await storeRebuilds(db).findOne({ _id: 'orders' }, committed);
  if (rebuild === null && (await orders(db).findOne({}, { ...committed, projection: { _id: 1 } })) === null) {
    await noteFirstVersion(db, 'orders', ordersVersion);
    return false;
  }
  const versions = [versionOf(rebuild), versionRead(rebuild), rebuild?.previous?.version ?? 0];
  return Math.max(...versions) < ordersVersion;
}

/** There is something to go back to. */
export async function canRollBackOrders(db: Db): Promise<boolean> {
  return (await storeRebuilds(db).findOne({ _id: 'orders' }, committed))?.previous !== undefined;
}

async function takeOver(
  { db, rebuildId }: Rebuilding,
  versionAfter: (last: StoreRebuild | null) => number,
): Promise<StoreRebuilder> {
  return await StoreRebuilder.takeOver(db, 'orders', rebuildId, async (last) => ({
    since: await feedHead(db),
    total: await orders(db).estimatedDocumentCount(),
    version: versionAfter(last),
    replaces: versionRead(last),
    collection: `orders_next_${rebuildId}`,
    ...(last?.previous && { previous: last.previous }),
  }));
}

async function build(rebuilding: Rebuilding, rebuilder: StoreRebuilder, source: Source): Promise<boolean> {
  const { db, beat, rebuildId } = rebuilding;
  const { phase, collection = 'orders_next', replaces = 1 } = rebuilder.state;
  if (phase === 'done') return true;
  await dropUnusedBuilds(db, rebuilder);
  const target: Target = { db, next: db.collection(collection), rebuildId };
  if (phase === 'running') {
    if (!(await fill(target, rebuilder, source, rebuilding))) return false;
    const exceptions = await takeOverUnjournaled(target, rebuilder, beat);
    if (!(await buildIndexes(target, rebuilder, rebuilding))) return false;
    await catchUp(target, rebuilder, beat);
    const identity = await identityOf(db, collection);
    const previous = { collection: beforeOf(rebuildId), version: replaces };
    await rebuilder.advance({ phase: 'swapping', identity, previous, exceptions });
  }
  // Unless it was done already, by a holder that ended thereafter.
  if ((await identityOf(db, 'orders')) !== rebuilder.state.identity)
    await target.next.rename('orders', { dropTarget: true });
  // What was recorded since is in the view that is gone.
  for await (const orderIds of touchedSince(db, rebuilder.state.since)) {
    for (const orderId of orderIds)
      await projectOrder(db, orderId, { recorder: rebuildId }).catch(rethrowServerError);
    beat(rebuilder.state.done);
  }
  await rebuilder.advance({ phase: 'done' });
  await dropUnusedBuilds(db, rebuilder);
  return true;
}

/** What is written by whom. */
interface Target {
  readonly db: Db;
  /** Its name is this rebuild's own: a holder that comes too late to swap it finds it gone, and no other's in its place. */
  readonly next: Collection<OrderDocument>;
  readonly rebuildId: string;
}

/** The collection that keeps what a rebuild replaces. */
function beforeOf(rebuildId: string): string {
  return `orders_before_${rebuildId}`;
}

/** What is wrong with the log of one order is no error of the others: that one is as it was, or waits for its own steps. */
function rethrowServerError(error: unknown): void {
  if (isServerError(error)) throw error;
}

/** What a collection keeps when it is renamed; undefined where there is none. */
async function identityOf(db: Db, name: string): Promise<string | undefined> {
  const [found] = await db.listCollections({ name }, { nameOnly: false }).toArray();
  return found?.info?.uuid?.toString('hex');
}

/** Removes what neither this rebuild nor a roll-back needs. */
async function dropUnusedBuilds(db: Db, rebuilder: StoreRebuilder): Promise<void> {
  const found = await db.listCollections({ name: /^orders_(next|before)/ }, { nameOnly: true }).toArray();
  // In this sequence: what others build from now on is not among them.
  await rebuilder.advance({});
  const { collection, rebuildId, previous } = rebuilder.state;
  const used = new Set([collection, beforeOf(rebuildId), previous?.collection]);
  for (const { name } of found) if (!used.has(name)) await db.dropCollection(name);
}

/** Every order by its id, from where the rebuild is, while each is kept as it is read until then. */
async function fill(
  target: Target,
  rebuilder: StoreRebuilder,
  source: Source,
  { signal, beat }: Rebuilding,
): Promise<boolean> {
  const { place } = rebuilder.state;
  for await (const batch of ahead(source(place === undefined ? {} : { orderId: { $gt: place } }))) {
    if (signal.aborted) return false;
    const [taken] = await Promise.all([write(target, batch), keep(target, [...batch.keys()])]);
    const exceptions = rebuilder.exceptionsWith(taken);
    const done = rebuilder.state.done + batch.size;
    await rebuilder.advance({ place: [...batch.keys()].at(-1) ?? '', done, exceptions });
    beat(done);
  }
  return true;
}

/** What is kept already is left: a holder that comes too late would find the new view, not the one it replaced. */
async function keep({ db, rebuildId }: Target, orderIds: readonly string[]): Promise<void> {
  const $merge = { into: beforeOf(rebuildId), whenMatched: 'keepExisting' };
  await orders(db)
    .aggregate([{ $match: { _id: { $in: orderIds } } }, { $merge }], { ...committed, ...durable })
    .toArray();
}

/**
 * Orders that the journal has no event of, as where it lost them and their histories have expired: they are as they were.
 *
 * @returns the exceptions with these among them
 */
async function takeOverUnjournaled(
  target: Target,
  rebuilder: StoreRebuilder,
  beat: Rebuilding['beat'],
): Promise<Exceptions> {
  const { db } = target;
  const unjournaled: string[] = [];
  for await (const taken of notJournaled(db, viewedOrders(db))) {
    const none = new Error('The journal has no event of it.');
    if (taken.length > 0)
      await Promise.all([
        write(target, new Map(taken.map((orderId) => [orderId, none]))),
        keep(target, taken),
      ]);
    unjournaled.push(...taken);
    beat(rebuilder.state.done);
  }
  return rebuilder.exceptionsWith(unjournaled);
}

/**
 * All at once, when all is there: that costs less than half of keeping them up to date meanwhile.
 *
 * @returns false where `signal` ended it before
 */
async function buildIndexes(
  { next }: Target,
  { state }: StoreRebuilder,
  { signal, beat }: Rebuilding,
): Promise<boolean> {
  for (;;) {
    try {
      await next.createIndexes([...orderIndexes]);
      return true;
    } catch (error) {
      // It takes longer than the connection is silent for; asked again, MongoDB answers for the build that is under way.
      if (!(error instanceof MongoNetworkTimeoutError)) throw error;
      if (signal.aborted) return false;
    }
    beat(state.done);
  }
}

/** What was recorded since the rebuild began, until little is. */
async function catchUp(target: Target, rebuilder: StoreRebuilder, beat: Rebuilding['beat']): Promise<void> {
  const { db } = target;
  for (let round = 0; round < rounds; round += 1) {
    const head = await feedHead(db);
    let touched = 0;
    for await (const orderIds of touchedSince(db, rebuilder.state.since)) {
      for await (const batch of foldedOrders(db, { orderId: { $in: orderIds } })) await write(target, batch);
      beat(rebuilder.state.done);
      touched += orderIds.length;
    }
    await rebuilder.advance({ since: head });
    if (touched < almostThere) break;
  }
}

/** The orders of all journal events that match, by id. */
type Source = (filter: Filter<JournalDocument>) => AsyncGenerator<Batch, void>;

/** Orders by id: folded, or as an earlier build has them. */
type Batch = ReadonlyMap<string, Order | OrderDocument | Error>;

/** Each as far as its log goes. */
async function* foldedOrders(db: Db, filter: Filter<JournalDocument>): AsyncGenerator<Batch, void> {
  let batch = new Map<string, Order | Error>();
  for await (const event of readJournals(db, filter)) {
    const before = batch.get(event.orderId);
    if (before === undefined && batch.size === ordersAtATime) {
      yield batch;
      batch = new Map();
    }
    const after = before instanceof Error ? before : orderAfter(before, event);
    // Up to a gap, as in the view: what is beyond is not in it yet.
    batch.set(event.orderId, after instanceof Gap && before !== undefined ? before : after);
  }
  if (batch.size > 0) yield batch;
}

/** Each as `before` has it, where that has all of its log. */
async function* formerOrders(
  db: Db,
  before: string,
  filter: Filter<JournalDocument>,
): AsyncGenerator<Batch, void> {
  for await (const versions of lastVersions(db, filter)) {
    const orderIds = [...versions.keys()];
    const former = await db
      .collection<OrderDocument>(before)
      .find({ _id: { $in: orderIds } }, committed)
      .toArray();
    const found = new Map<string, Order | OrderDocument | Error>();
    for (const order of former)
      if (order.version >= (versions.get(order.orderId) ?? 0)) found.set(order.orderId, order);
    const behind = orderIds.filter((orderId) => !found.has(orderId));
    for await (const folded of foldedOrders(db, { orderId: { $in: behind } }))
      for (const [orderId, order] of folded) found.set(orderId, order);
    yield new Map(
      orderIds.map((orderId) => [orderId, found.get(orderId) ?? new Error('Its events are gone.')]),
    );
  }
}

/** Of each order, by id. */
async function* lastVersions(
  db: Db,
  filter: Filter<JournalDocument>,
): AsyncGenerator<ReadonlyMap<string, number>, void> {
  let versions = new Map<string, number>();
  const events = journal(db)
    .find(filter, committed)
    .project<{ orderId: string; version: number }>({ _id: 0, orderId: 1, version: 1 })
    .sort({ orderId: 1, version: 1 });
  for await (const { orderId, version } of events) {
    if (!versions.has(orderId) && versions.size === ordersAtATime) {
      yield versions;
      versions = new Map();
    }
    versions.set(orderId, version);
  }
  if (versions.size > 0) yield versions;
}

/**
 * Writes orders, unless what is there is newer.
 *
 * @returns ids of those that were taken over from the view that is replaced
 */
async function write({ db, next, rebuildId }: Target, batch: Batch): Promise<readonly string[]> {
  const kept = [...batch].flatMap(([orderId, order]) => (order instanceof Error ? [orderId] : []));
  const taken =
    kept.length === 0
      ? []
      : await orders(db)
          .find({ _id: { $in: kept } }, committed)
          .toArray();
  const made = [...batch.values()].flatMap((order) =>
    order instanceof Error ? [] : ['_id' in order ? order : toDocument(order)],
  );
  // Whoever has seen an order in the view that is replaced finds it written by another, even in the same version.
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
 * Orders with events that have no position yet, or one beyond `since`. In this sequence: an event that gets its position
 * meanwhile is found by the second.
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
