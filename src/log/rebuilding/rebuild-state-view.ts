import { type Db, MongoNetworkTimeoutError } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import { isServerError } from '../../outages/server-error.js';
import type { Draft, State } from '../entity.js';
import { feedHead } from '../feed/feed.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { stateViewIndexes, stateViews } from '../entity-log/state-view.js';
import { updateStateView } from '../recording/update-state-view.js';
import {
  catchUp,
  copyStops,
  copyUnjournaled,
  fill,
  type RebuildTarget,
  touchedAfter,
} from './fill-state-view.js';
import { assertVersion, type RebuildAttempt } from './rebuild-attempt.js';
import {
  noteFirstVersion,
  type StateViewRebuild,
  StoreRebuilder,
  storeRebuilds,
  versionBuilt,
  versionRead,
} from './store-rebuild.js';

/**
 * Rebuilds a state view from the journal, in a collection beside the one that is read and written,
 * then renames it to the view's name. Entities that are recorded during the rebuild are folded
 * again, before and once more after the swap. Then each document is as recording would have written
 * it. An entity whose log is gone, or cannot be folded from its first event on, keeps its old
 * document.
 *
 * Entities that have stopped keep their marks. A mark that is set or removed at the moment of the
 * swap may be wrong until the next reconciliation, which compares all marked and stopped entities.
 *
 * `rebuilds.ts` compares this with the rebuilds of a feed view and of a journal.
 *
 * @returns false if `signal` ended it before it was done
 * @throws Fenced if another worker has taken the rebuild over, or the rebuild makes a newer version
 *   than this process has; ApplicationFailure, which is not retried, if it makes an older version;
 *   and any error of MongoDB. Another call continues.
 */
export async function rebuildStateView<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  attempt: RebuildAttempt,
): Promise<boolean> {
  const { db, signal, heartbeat, rebuildId } = attempt;
  const { collection: name } = log.view;
  const rebuilder = await takeOver(log, attempt);
  const { phase } = rebuilder.state;
  if (phase === 'done') return true;
  assertVersion(versionBuilt(rebuilder.state), { name, version: log.view.version });
  // An earlier version of the code did not store the collection's name, and always used this one.
  const collection = rebuilder.state.collection ?? `${name}_next`;
  await dropLeftCollections(log, db, rebuilder, collection);
  const target: RebuildTarget<S, D> = { log, db, next: db.collection(collection), rebuildId };
  if (phase === 'running') {
    if (!(await fill(target, rebuilder, attempt))) return false;
    const exceptions = await copyUnjournaled(target, rebuilder, attempt);
    if (exceptions === undefined) return false;
    if (!(await buildIndexes(target, rebuilder, attempt))) return false;
    if (!(await catchUp(target, rebuilder, attempt))) return false;
    const identity = await identityOf(db, collection);
    await rebuilder.advance({ phase: 'swapping', identity, exceptions });
  }
  // If an earlier worker ended right after its swap, the collection is renamed already.
  if ((await identityOf(db, name)) !== rebuilder.state.identity) {
    await copyStops(target);
    await target.next.rename(name, { dropTarget: true });
  }
  // Events that were recorded just before the swap may be folded only into the collection that is
  // gone.
  for await (const orderIds of touchedAfter(log, db, rebuilder.state.since)) {
    if (signal.aborted) return false;
    for (const orderId of orderIds)
      await updateStateView(log, db, orderId, { writerId: rebuildId }).catch(rethrowServerError);
    heartbeat(rebuilder.state.done);
  }
  await rebuilder.advance({ phase: 'done' });
  await dropLeftCollections(log, db, rebuilder, collection);
  return true;
}

/**
 * Whether both the view and a rebuild that is under way have an older version than this process. A
 * view without any document gets the version of this process.
 */
export async function isStateViewOutdated(log: AnyLog, db: Db): Promise<boolean> {
  const { collection, version } = log.view;
  const rebuild = await storeRebuilds(db).findOne<StateViewRebuild>({ _id: collection }, committed);
  const isEmpty = async () =>
    (await stateViews(log, db).findOne({}, { ...committed, projection: { _id: 1 } })) === null;
  if (rebuild === null && (await isEmpty())) {
    await noteFirstVersion(db, collection, version);
    return false;
  }
  return Math.max(versionBuilt(rebuild), versionRead(rebuild)) < version;
}

async function takeOver(
  log: AnyLog,
  { db, rebuildId }: RebuildAttempt,
): Promise<StoreRebuilder<StateViewRebuild>> {
  const { collection, version } = log.view;
  return await StoreRebuilder.takeOver<StateViewRebuild>(db, collection, rebuildId, async (begun, last) => ({
    ...begun,
    since: await feedHead(log, db),
    total: await stateViews(log, db).estimatedDocumentCount(),
    version,
    replaces: versionRead(last),
    collection: `${collection}_next_${rebuildId}`,
  }));
}

/**
 * An entity with a broken log does not stop the others. Its document stays unchanged, or is written
 * later by the entity's own steps.
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
 * Drops the collections that other rebuilds have left. Earlier versions of the code left
 * `<view>_before_…`.
 */
async function dropLeftCollections(
  { view }: AnyLog,
  db: Db,
  rebuilder: StoreRebuilder<StateViewRebuild>,
  collection: string,
): Promise<void> {
  const left = { $regex: `^${view.collection}_(next|before)` };
  const found = await db.listCollections({ name: left }, { nameOnly: true }).toArray();
  // Fails if another rebuild has taken over. If one takes over later, its collection is not in the
  // list.
  await rebuilder.advance({});
  for (const { name } of found) if (name !== collection) await db.dropCollection(name);
}

/**
 * Builds all indexes once all documents are written: that costs less than half of keeping them up
 * to date with each write.
 *
 * @returns false if `signal` ended it before it was done
 */
async function buildIndexes<S extends State, D extends Draft>(
  { log, next }: RebuildTarget<S, D>,
  { state }: StoreRebuilder<StateViewRebuild>,
  { signal, heartbeat }: RebuildAttempt,
): Promise<boolean> {
  for (;;) {
    try {
      await next.createIndexes([...stateViewIndexes(log)]);
      return true;
    } catch (error) {
      // The connection timed out while MongoDB built a large index. The next request is answered
      // when the index is built.
      if (!(error instanceof MongoNetworkTimeoutError)) throw error;
      if (signal.aborted) return false;
    }
    heartbeat(state.done);
  }
}
