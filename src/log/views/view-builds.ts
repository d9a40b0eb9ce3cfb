import { type Db, MongoServerError, type UpdateFilter } from 'mongodb';
import { committed, durable } from '../../mongodb/durability.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { feedGenerations, firstGeneration } from '../feed/generations.js';
import { parkedEvents } from './parked-events.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { type AnyView, documents } from './view.js';

/** A collection that a view was built in, and its checkpoint. */
export interface Build {
  /** `<view>_<n>` */
  readonly collection: string;
  /** the version of the fold that built it */
  readonly version: number;
  /** the checkpoint: all events up to this position are applied, parked or lost; 0 at first */
  readonly position: number;
  /**
   * the generation of the feed that the position belongs to; absent for the first one; the name is
   * persisted
   */
  readonly feed?: number;
  /** how many events are parked for this build */
  readonly parked: number;
  /** ISO-8601 UTC, when `position` last changed */
  readonly at: string;
  /** id of the rebuild that made it; absent for a view's first build */
  readonly rebuildId?: string;
}

/** A build that is being made to replace the active one. */
export interface Rebuild extends Build {
  readonly rebuildId: string;
  /**
   * the epoch of the worker that may continue the rebuild; a worker with an older epoch is refused
   */
  readonly epoch: number;
  readonly startedAt: string;
  /** average since the current worker took over */
  readonly eventsPerSecond: number;
}

/**
 * The builds of a view. The fields of the active build are at the top level. Readers read that
 * build, and its checkpoint is written in one transaction with its documents.
 */
export interface ViewBuilds extends Build {
  /** the view's name */
  readonly _id: string;
  /**
   * the epoch of the worker that may feed the active build; a worker with an older one is refused
   */
  readonly epoch: number;
  /** the number of the build that was begun last */
  readonly builds: number;
  /** the build that a roll-back returns to */
  readonly previous?: Build;
  readonly rebuilding?: Rebuild;
}

/** The generation of the feed that a build's checkpoint belongs to. */
export function generationOf({ feed }: Pick<Build, 'feed'>): number {
  return feed ?? firstGeneration.generation;
}

/** The collection's name is persisted. */
export function viewBuilds(db: Db) {
  return db.collection<ViewBuilds>('projections');
}

/** @returns undefined if the view was never fed */
export async function buildsOf(db: Db, name: string): Promise<ViewBuilds | undefined> {
  return (await viewBuilds(db).findOne({ _id: name }, committed)) ?? undefined;
}

/** Takes over feeding the active build: an earlier feeder is refused from now on. */
export async function takeOverFeeding(log: AnyLog, db: Db, view: AnyView): Promise<ViewBuilds> {
  for (;;) {
    const state = await update(db, { _id: view.name }, { $inc: { epoch: 1 } });
    if (state !== undefined) {
      await ensureCollection(db, view, state);
      return state;
    }
    await createFirstBuild(log, db, view);
  }
}

/**
 * Takes over the rebuild with this id, or begins it; a rebuild with another id is abandoned.
 *
 * @returns its build; `'done'` if the build is the active one already: an earlier attempt ended
 *   right after the swap
 */
export async function takeOverRebuild(
  log: AnyLog,
  db: Db,
  view: AnyView,
  rebuildId: string,
): Promise<Rebuild | 'done'> {
  for (;;) {
    const mine = { _id: view.name, 'rebuilding.rebuildId': rebuildId };
    const { rebuilding } = (await update(db, mine, { $inc: { 'rebuilding.epoch': 1 } })) ?? {};
    if (rebuilding !== undefined) {
      await ensureCollection(db, view, rebuilding);
      return rebuilding;
    }
    const known = await buildsOf(db, view.name);
    if (known === undefined) await createFirstBuild(log, db, view);
    else if (known.rebuildId === rebuildId) return 'done';
    else await beginRebuild(log, db, view, known, rebuildId);
  }
}

async function createFirstBuild(log: AnyLog, db: Db, view: AnyView): Promise<void> {
  // A number that no collection has: the state may be gone while its collections are still there.
  const n = Math.max(0, ...(await buildCollections(db, view.name)).map(({ n: used }) => used)) + 1;
  try {
    const build = await newBuild(log, db, view, n);
    await viewBuilds(db).insertOne({ ...build, _id: view.name, epoch: 0, builds: n }, durable);
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
  }
}

async function beginRebuild(
  log: AnyLog,
  db: Db,
  view: AnyView,
  { builds }: ViewBuilds,
  rebuildId: string,
): Promise<void> {
  const build = await newBuild(log, db, view, builds + 1);
  const rebuilding = { ...build, rebuildId, epoch: 0, startedAt: build.at, eventsPerSecond: 0 };
  await update(db, { _id: view.name, builds }, { $set: { rebuilding, builds: builds + 1 } });
}

/** Gives up the build of a rebuild. If the rebuild is attempted again, it begins another build. */
export async function abandonRebuild(db: Db, name: string, rebuildId: string): Promise<void> {
  await update(db, { _id: name, 'rebuilding.rebuildId': rebuildId }, { $unset: { rebuilding: '' } });
}

async function newBuild(log: AnyLog, db: Db, { name, version }: AnyView, n: number): Promise<Build> {
  const { generation: feed } = (await feedGenerations(log, db)).current;
  return {
    collection: `${name}_${n}`,
    version,
    position: 0,
    feed,
    parked: 0,
    at: new Date().toISOString(),
  };
}

async function ensureCollection(db: Db, view: AnyView, { collection }: Build): Promise<void> {
  await db.createCollection(collection).catch((error: unknown) => {
    if (!isNamespaceTaken(error)) throw error;
  });
  if (view.indexes.length > 0) await documents(db, collection).createIndexes([...view.indexes]);
}

function isNamespaceTaken(error: unknown): boolean {
  return error instanceof MongoServerError && error.codeName === 'NamespaceExists';
}

/**
 * Makes the build of a rebuild the active one, for all readers and the feeder in one write. It does
 * nothing while the build lags the active one, so that no reader sees an older state. If the feed
 * now ends before the position of the active build, the build only has to reach that end.
 *
 * @param head the last position of the feed
 * @returns false if the build lags, or was abandoned
 */
export async function swap(db: Db, name: string, rebuildId: string, head: number): Promise<boolean> {
  const swapped = await update(
    db,
    {
      _id: name,
      'rebuilding.rebuildId': rebuildId,
      $expr: { $gte: ['$rebuilding.position', { $min: ['$position', head] }] },
    },
    [{ $set: { previous: activeBuild, ...fieldsOf('rebuilding') } }, { $unset: ['rebuilding'] }],
  );
  return swapped !== undefined;
}

/**
 * Swaps the active build and the previous one, so a second roll-back undoes the first.
 *
 * @returns undefined if there is no previous build
 */
export async function rollBack(db: Db, name: string): Promise<ViewBuilds | undefined> {
  return await update(db, { _id: name, previous: { $exists: true } }, [
    { $set: { previous: activeBuild, ...fieldsOf('previous') } },
  ]);
}

const buildFields = [
  'collection',
  'version',
  'position',
  'feed',
  'parked',
  'at',
  'rebuildId',
] as const satisfies readonly (keyof Build)[];

/** An expression that replaces a field: `$set` would merge a plain document into the old value. */
const activeBuild = { $mergeObjects: [Object.fromEntries(buildFields.map((field) => [field, `$${field}`]))] };

/** For `$set`: copies the fields of a build to the top level, and removes those that it lacks. */
function fieldsOf(build: 'previous' | 'rebuilding') {
  return Object.fromEntries(
    buildFields.map((field) => [field, { $ifNull: [`$${build}.${field}`, '$$REMOVE'] }]),
  );
}

/**
 * Drops the collections of a view that no reader, roll-back or rebuild needs, and deletes their
 * parked events.
 */
export async function dropUnusedBuilds(db: Db, name: string): Promise<void> {
  const state = await buildsOf(db, name);
  if (state === undefined) return;
  const used = new Set([state, state.previous, state.rebuilding].map((build) => build?.collection));
  for (const { collection, n } of await buildCollections(db, name)) {
    // A collection with a greater number belongs to a build that has just begun.
    if (used.has(collection) || n > state.builds) continue;
    await parkedEvents(db).deleteMany({ collection }, durable);
    await db.dropCollection(collection);
  }
}

async function buildCollections(db: Db, name: string) {
  const found = await db
    .listCollections({ name: { $regex: `^${name}_\\d+$` } }, { nameOnly: true })
    .toArray();
  return found.map(({ name: collection }) => ({ collection, n: Number(collection.slice(name.length + 1)) }));
}

async function update(
  db: Db,
  filter: Parameters<ReturnType<typeof viewBuilds>['findOneAndUpdate']>[0],
  change: UpdateFilter<ViewBuilds> | object[],
): Promise<ViewBuilds | undefined> {
  const state = await viewBuilds(db).findOneAndUpdate(filter, change, {
    returnDocument: 'after',
    ...durable,
  });
  return state ?? undefined;
}
