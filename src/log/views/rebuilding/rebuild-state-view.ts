import { ApplicationFailure } from '@temporalio/common';
import { type Collection, type Db, type Filter, MongoNetworkTimeoutError } from 'mongodb';
import { isServerError } from '../../../outages/server-error.js';
import type { Draft, State } from '../../entity.js';
import { feedHead } from '../../feed/feed.js';
import { Fenced } from '../../feed/fencing.js';
import { prefetch } from '../../../concurrency/async-iterables.js';
import { committed, durable, insertMissing } from '../../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../../journal/entity-log.js';
import { documentOf, type StateDocument, stateViews } from '../../journal/state-document.js';
import { type JournalDocument, journal } from '../../journal/journal.js';
import { notJournaled, readJournals } from '../../journal/read-journal.js';
import { updateStateView, stateViewIndexes } from '../../journal/state-view.js';
import { viewedIds } from '../../journal/viewed-ids.js';
import { Gap, stateAfter } from '../feeding/folding.js';
import type { Rebuilding } from './rebuild-view.js';
import {
  type Exceptions,
  noteFirstVersion,
  StoreRebuilder,
  storeRebuilds,
  versionBuilt,
  versionRead,
} from './store-rebuild.js';

const entitiesAtATime = 200;
/** Catching up ends when fewer entities than this were recorded meanwhile. The swap follows. */
const fewEntities = 100;
const mostRounds = 10;

/**
 * Rebuilds a state view from the journal, in a collection beside the one that is read and written,
 * then renames it to the view's name. Entities that are recorded during the rebuild are folded
 * again, before and once more after the swap. One whose log cannot be folded from its first event
 * on, or is gone, is taken over as it was.
 *
 * @returns false if `signal` ended it before it was done
 * @throws Fenced if another holder has taken it over, or its version is newer than the one of
 *   this process; and any error of MongoDB: call it again, it continues. ApplicationFailure, which
 *   is not retried, if its version is older.
 */
export async function rebuildStateView<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  rebuilding: Rebuilding,
): Promise<boolean> {
  const { db, heartbeat, rebuildId } = rebuilding;
  const { collection: name } = log.view;
  const rebuilder = await takeOver(log, rebuilding);
  const { phase } = rebuilder.state;
  if (phase === 'done') return true;
  assertVersion(log, versionBuilt(rebuilder.state));
  // An earlier version of the code did not store the collection's name, and always used this one.
  const collection = rebuilder.state.collection ?? `${name}_next`;
  await dropUnusedBuilds(log, db, rebuilder, collection);
  const target: Target<S, D> = { log, db, next: db.collection(collection), rebuildId };
  if (phase === 'running') {
    if (!(await fill(target, rebuilder, rebuilding))) return false;
    const exceptions = await takeOverUnjournaled(target, rebuilder, heartbeat);
    if (!(await buildIndexes(target, rebuilder, rebuilding))) return false;
    await catchUp(target, rebuilder, heartbeat);
    const identity = await identityOf(db, collection);
    await rebuilder.advance({ phase: 'swapping', identity, exceptions });
  }
  // If an earlier holder ended right after its swap, the collection is renamed already.
  if ((await identityOf(db, name)) !== rebuilder.state.identity)
    await target.next.rename(name, { dropTarget: true });
  // What was recorded just before the swap is in the collection that is gone.
  for await (const orderIds of touchedSince(log, db, rebuilder.state.since)) {
    for (const orderId of orderIds)
      await updateStateView(log, db, orderId, { recorder: rebuildId }).catch(rethrowServerError);
    heartbeat(rebuilder.state.done);
  }
  await rebuilder.advance({ phase: 'done' });
  await dropUnusedBuilds(log, db, rebuilder, collection);
  return true;
}

/**
 * @throws Fenced for a newer version: a worker that has it continues. ApplicationFailure, not
 *   retried, for an older one: a rebuild to the version of this process takes its place.
 */
function assertVersion({ view }: AnyLog, version: number): void {
  const { collection: name, version: latest } = view;
  if (version > latest)
    throw new Fenced(`The view ${name} is rebuilt as version ${version}; here is ${latest}.`);
  if (version < latest)
    throw ApplicationFailure.nonRetryable(
      `This rebuild makes version ${version} of the view ${name}, which version ${latest} replaces.`,
      'RebuildOutdated',
    );
}

/**
 * Whether neither the view nor a rebuild under way has the version of this process yet. A view
 * without any document has that version from now on.
 */
export async function isStateViewOutdated(log: AnyLog, db: Db): Promise<boolean> {
  const { collection, version } = log.view;
  const rebuild = await storeRebuilds(db).findOne({ _id: collection }, committed);
  const isEmpty = async () =>
    (await stateViews(log, db).findOne({}, { ...committed, projection: { _id: 1 } })) === null;
  if (rebuild === null && (await isEmpty())) {
    await noteFirstVersion(db, collection, version);
    return false;
  }
  return Math.max(versionBuilt(rebuild), versionRead(rebuild)) < version;
}

async function takeOver(log: AnyLog, { db, rebuildId }: Rebuilding): Promise<StoreRebuilder> {
  const { collection, version } = log.view;
  return await StoreRebuilder.takeOver(db, collection, rebuildId, async (last) => ({
    since: await feedHead(log, db),
    total: await stateViews(log, db).estimatedDocumentCount(),
    version,
    replaces: versionRead(last),
    collection: `${collection}_next_${rebuildId}`,
  }));
}

/** Where a rebuild writes, and under which name. */
interface Target<S extends State, D extends Draft> {
  readonly log: EntityLog<S, D>;
  readonly db: Db;
  /**
   * Its name is unique to this rebuild, so that a late holder of another rebuild cannot swap it in.
   */
  readonly next: Collection<StateDocument<State>>;
  readonly rebuildId: string;
}

/**
 * An entity with a broken log does not stop the others. Its document stays unchanged, or waits for
 * the entity's own steps.
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
 * Drops what other rebuilds have left, `<view>_before_…` of earlier versions of this code included.
 */
async function dropUnusedBuilds(
  { view }: AnyLog,
  db: Db,
  rebuilder: StoreRebuilder,
  collection: string,
): Promise<void> {
  const left = { $regex: `^${view.collection}_(next|before)` };
  const found = await db.listCollections({ name: left }, { nameOnly: true }).toArray();
  // Checks, after the list was read, that no other rebuild has taken over. A rebuild that takes
  // over later is not in the list.
  await rebuilder.advance({});
  for (const { name } of found) if (name !== collection) await db.dropCollection(name);
}

/** Writes every entity, by id, from the rebuild's checkpoint on. */
async function fill<S extends State, D extends Draft>(
  target: Target<S, D>,
  rebuilder: StoreRebuilder,
  { db, signal, heartbeat }: Rebuilding,
): Promise<boolean> {
  const { place } = rebuilder.state;
  for await (const batch of prefetch(
    foldedStates(target.log, db, place === undefined ? {} : { orderId: { $gt: place } }),
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
 * Copies from the replaced view the entities of which the journal has no event: the journal lost
 * them, and their histories have expired.
 *
 * @returns the exceptions, with these entities among them
 */
async function takeOverUnjournaled<S extends State, D extends Draft>(
  target: Target<S, D>,
  rebuilder: StoreRebuilder,
  heartbeat: Rebuilding['heartbeat'],
): Promise<Exceptions> {
  const { log, db } = target;
  const unjournaled: string[] = [];
  for await (const taken of notJournaled(log, db, viewedIds(log, db))) {
    const none = new Error('The journal has no event of it.');
    if (taken.length > 0) await write(target, new Map(taken.map((orderId) => [orderId, none])));
    unjournaled.push(...taken);
    heartbeat(rebuilder.state.done);
  }
  return rebuilder.exceptionsWith(unjournaled);
}

/**
 * Builds all indexes once all documents are written: that costs less than half of keeping them up
 * to date on the way.
 *
 * @returns false if `signal` ended it before it was done
 */
async function buildIndexes<S extends State, D extends Draft>(
  { log, next }: Target<S, D>,
  { state }: StoreRebuilder,
  { signal, heartbeat }: Rebuilding,
): Promise<boolean> {
  for (;;) {
    try {
      await next.createIndexes([...stateViewIndexes(log)]);
      return true;
    } catch (error) {
      // The connection timed out on a long build. If it is asked again, MongoDB answers when that
      // build is done.
      if (!(error instanceof MongoNetworkTimeoutError)) throw error;
      if (signal.aborted) return false;
    }
    heartbeat(state.done);
  }
}

/** Folds what was recorded since the rebuild began, until few entities are left. */
async function catchUp<S extends State, D extends Draft>(
  target: Target<S, D>,
  rebuilder: StoreRebuilder,
  heartbeat: Rebuilding['heartbeat'],
): Promise<void> {
  const { log, db } = target;
  for (let round = 0; round < mostRounds; round += 1) {
    const head = await feedHead(log, db);
    let touched = 0;
    for await (const orderIds of touchedSince(log, db, rebuilder.state.since)) {
      for await (const batch of foldedStates(log, db, { orderId: { $in: orderIds } }))
        await write(target, batch);
      heartbeat(rebuilder.state.done);
      touched += orderIds.length;
    }
    await rebuilder.advance({ since: head });
    if (touched < fewEntities) break;
  }
}

/** Entities by id, each folded, or the error of folding it. */
type Batch<S extends State> = ReadonlyMap<string, S | Error>;

/** The entities of the events that match, each as far as its log goes. */
async function* foldedStates<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  filter: Filter<JournalDocument>,
): AsyncGenerator<Batch<S>, void> {
  let batch = new Map<string, S | Error>();
  for await (const event of readJournals(log, db, filter)) {
    const before = batch.get(event.orderId);
    if (before === undefined && batch.size === entitiesAtATime) {
      yield batch;
      batch = new Map();
    }
    const after = before instanceof Error ? before : stateAfter(log, before, event);
    // Up to a gap, as recording does: the view does not have the events after it yet.
    batch.set(event.orderId, after instanceof Gap && before !== undefined ? before : after);
  }
  if (batch.size > 0) yield batch;
}

/**
 * Writes documents, unless a newer one is there.
 *
 * @returns ids of the entities that were taken over from the view that is replaced
 */
async function write<S extends State, D extends Draft>(
  { log, db, next, rebuildId }: Target<S, D>,
  batch: Batch<S>,
): Promise<readonly string[]> {
  const unfoldable = [...batch].flatMap(([id, state]) => (state instanceof Error ? [id] : []));
  const taken =
    unfoldable.length === 0
      ? []
      : await stateViews(log, db)
          .find({ _id: { $in: unfoldable } }, committed)
          .toArray();
  const folded = [...batch.values()].flatMap((state) => (state instanceof Error ? [] : [state]));
  const made = await Promise.all(folded.map((state) => documentOf(log, db, state)));
  // A worker that has cached a state of the replaced view sees another `recorder`, even at the
  // same version, and reads it again.
  const documents = [...made, ...taken].map((document) => ({ ...document, recorder: rebuildId }));
  if (documents.length === 0) return unfoldable;
  const there = await insertMissing(next, documents);
  if (there.length > 0) await replaceOlder(next, there);
  return unfoldable;
}

async function replaceOlder(
  next: Collection<StateDocument<State>>,
  documents: readonly StateDocument<State>[],
): Promise<void> {
  await next.bulkWrite(
    documents.map(({ _id, ...replacement }) => ({
      replaceOne: { filter: { _id, version: { $lt: replacement.version } }, replacement },
    })),
    { ordered: false, ...durable },
  );
}

/**
 * Entities with events that have no position yet, or one after `since`. In this sequence: the
 * second look finds an event that gets its position during the first.
 */
async function* touchedSince(log: AnyLog, db: Db, since: number): AsyncGenerator<readonly string[], void> {
  for (const filter of [{ unsequenced: true } as const, { position: { $gt: since } }]) {
    let touched = new Set<string>();
    const found = journal(log, db)
      .find(filter, committed)
      .project<{ orderId: string }>({ _id: 0, orderId: 1 });
    for await (const { orderId } of found) {
      touched.add(orderId);
      if (touched.size < entitiesAtATime) continue;
      yield [...touched];
      touched = new Set();
    }
    if (touched.size > 0) yield [...touched];
  }
}
