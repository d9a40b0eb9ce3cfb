import type { Collection, Db, Filter } from 'mongodb';
import { committed, duplicatesIn, durable } from '../../event-log/durability.js';
import { feedHead } from '../../event-log/feed.js';
import { type JournalDocument, journal, readJournals } from '../../event-log/journal.js';
import { Superseded } from '../../event-log/sequencer.js';
import { isServerError } from '../../platform/server-error.js';
import type { Order } from '../../domain/order.js';
import { Gap, next } from '../feeding/order-states.js';
import {
  type OrderDocument,
  orderIndexes,
  orders,
  ordersVersion,
  projectOrder,
  toDocument,
} from '../orders.js';
import type { Rebuilding } from './rebuild.js';
import { StoreRebuilder, type StoreRebuild, storeRebuilds } from './store-rebuild.js';

const ordersAtATime = 200;
/** Fewer orders than this were touched: the swap is near. */
const almostThere = 100;
const rounds = 10;

/**
 * Builds the view `orders` anew from the journal, in a collection beside the one that is read and written meanwhile, then
 * puts it in that one's place. Orders recorded meanwhile are folded again, before and, for what came in the last moment,
 * after. An order whose log cannot be folded from its first event on is taken over as it was.
 *
 * @returns false where `signal` ended it before
 * @throws Superseded where another has taken it over, or it is to a version that this process does not have; and any error of
 *   MongoDB: call it again, it goes on where it was
 */
export async function rebuildOrders({ db, signal, beat, rebuildId }: Rebuilding): Promise<boolean> {
  const rebuilder = await StoreRebuilder.takeOver(db, 'orders', rebuildId, async () => ({
    since: await feedHead(db),
    total: await orders(db).estimatedDocumentCount(),
    version: ordersVersion,
    collection: `orders_next_${rebuildId}`,
  }));
  const version = versionOf(rebuilder.state);
  if (version !== ordersVersion)
    throw new Superseded(`The view orders is rebuilt as version ${version}; here is ${ordersVersion}.`);
  if (rebuilder.state.phase === 'done') return true;
  await dropUnusedBuilds(db, rebuilder);
  const build = buildOf(db, rebuilder.state);
  const target = { db, build, rebuildId };
  if (rebuilder.state.phase === 'running') {
    await build.createIndexes([...orderIndexes]);
    if (!(await foldAll(target, rebuilder, signal, beat))) return false;
    for (let round = 0; round < rounds; round += 1) {
      const head = await feedHead(db);
      let touched = 0;
      for await (const orderIds of touchedSince(db, rebuilder.state.since)) {
        for await (const batch of foldedOrders(db, { orderId: { $in: orderIds } }))
          await write(target, batch);
        beat(rebuilder.state.done);
        touched += orderIds.length;
      }
      await rebuilder.advance({ since: head });
      if (touched < almostThere) break;
    }
    await rebuilder.advance({ phase: 'swapping', identity: await identityOf(db, build.collectionName) });
  }
  // Unless it was done already, by a holder that ended thereafter.
  if ((await identityOf(db, 'orders')) !== rebuilder.state.identity)
    await build.rename('orders', { dropTarget: true });
  // What was recorded since is in the view that is gone.
  for await (const orderIds of touchedSince(db, rebuilder.state.since)) {
    for (const orderId of orderIds)
      await projectOrder(db, orderId, { recorder: rebuildId }).catch(rethrowServerError);
    beat(rebuilder.state.done);
  }
  await rebuilder.advance({ phase: 'done' });
  return true;
}

/** No rebuild to the version of this process was ever begun. */
export async function areOrdersOutdated(db: Db): Promise<boolean> {
  const rebuild = await storeRebuilds(db).findOne({ _id: 'orders' }, committed);
  return versionOf(rebuild) < ordersVersion;
}

/** What was never rebuilt is as it was when there was no other version yet. */
function versionOf(rebuild: StoreRebuild | null): number {
  return rebuild?.version ?? 1;
}

/**
 * Its name is this rebuild's own, but where an older release began it: a holder that comes too late to swap it finds it gone,
 * and no other's in its place.
 */
function buildOf(db: Db, { collection = 'orders_next' }: StoreRebuild) {
  return db.collection<OrderDocument>(collection);
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

/** Removes what rebuilds that were given up, and holders that came too late, have left. */
async function dropUnusedBuilds(db: Db, rebuilder: StoreRebuilder): Promise<void> {
  const found = await db.listCollections({ name: /^orders_next/ }, { nameOnly: true }).toArray();
  // In this sequence: what others build from now on is not among them.
  await rebuilder.advance({});
  for (const { name } of found) if (name !== rebuilder.state.collection) await db.dropCollection(name);
}

/** What is written by whom. */
interface Target {
  readonly db: Db;
  readonly build: Collection<OrderDocument>;
  readonly rebuildId: string;
}

/** Every order by its id, from where the rebuild is. */
async function foldAll(
  target: Target,
  rebuilder: StoreRebuilder,
  signal: AbortSignal,
  beat: Rebuilding['beat'],
): Promise<boolean> {
  const { place } = rebuilder.state;
  for await (const batch of foldedOrders(target.db, place === undefined ? {} : { orderId: { $gt: place } })) {
    if (signal.aborted) return false;
    const exceptions = rebuilder.exceptionsWith(await write(target, batch));
    const done = rebuilder.state.done + batch.size;
    await rebuilder.advance({ place: [...batch.keys()].at(-1) ?? '', done, exceptions });
    beat(done);
  }
  return true;
}

type Batch = ReadonlyMap<string, Order | Error>;

/** The orders of all journal events that match, each as far as its log goes, by id. */
async function* foldedOrders(db: Db, filter: Filter<JournalDocument>): AsyncGenerator<Batch, void> {
  let batch = new Map<string, Order | Error>();
  for await (const event of readJournals(db, filter)) {
    const before = batch.get(event.orderId);
    if (before === undefined && batch.size === ordersAtATime) {
      yield batch;
      batch = new Map();
    }
    const after = before instanceof Error ? before : next(before, event);
    // Up to a gap, as in the view: what is beyond is not in it yet.
    batch.set(event.orderId, after instanceof Gap && before !== undefined ? before : after);
  }
  if (batch.size > 0) yield batch;
}

/**
 * Writes orders, unless what is there is newer.
 *
 * @returns ids of those that were taken over from the view that is replaced
 */
async function write({ db, build, rebuildId }: Target, batch: Batch): Promise<readonly string[]> {
  const kept = [...batch].flatMap(([orderId, order]) => (order instanceof Error ? [orderId] : []));
  const taken =
    kept.length === 0
      ? []
      : await orders(db)
          .find({ _id: { $in: kept } }, committed)
          .toArray();
  const folded = [...batch.values()].flatMap((order) => (order instanceof Error ? [] : [toDocument(order)]));
  // Whoever has seen an order in the view that is replaced finds it written by another, even in the same version.
  const documents = [...folded, ...taken].map((document) => ({ ...document, recorder: rebuildId }));
  if (documents.length === 0) return kept;
  try {
    await build.bulkWrite(
      documents.map((replacement) => ({
        replaceOne: {
          filter: { _id: replacement.orderId, version: { $lt: replacement.version } },
          replacement,
          upsert: true,
        },
      })),
      { ordered: false, ...durable },
    );
  } catch (error) {
    // What was not written is there already, as new or newer.
    if (duplicatesIn(error) === undefined) throw error;
  }
  return kept;
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
