import { type Db, MongoServerError, type UpdateFilter } from 'mongodb';
import { committed, durable, isDuplicateKey } from '../../journal/durability.js';
import { feedBegunAnew } from '../../feed/feed.js';
import { parkedEvents } from './parked-events.js';
import { documents, type View } from '../view.js';

/** One collection that a view was built in, and how far it is. */
export interface Build {
  /** `<view>_<n>` */
  readonly collection: string;
  /** of the view whose fold built it */
  readonly version: number;
  /** every event up to this position is in it, or was set aside, or is lost; 0 before the first */
  readonly position: number;
  /** the feed whose positions these are (`feedBegunAnew`); absent for the first */
  readonly feed?: number;
  /** how many events are set aside for it */
  readonly parked: number;
  /** ISO-8601 UTC, when `position` last changed */
  readonly at: string;
  /** id of the rebuild that made it; absent for a view's first */
  readonly rebuildId?: string;
}

/** A build on its way to replace the active one. */
export interface Rebuild extends Build {
  readonly rebuildId: string;
  /** of the holder that may go on with it */
  readonly epoch: number;
  readonly startedAt: string;
  /** of late */
  readonly eventsPerSecond: number;
}

/** Where a view is: its active build, written in one transaction with the documents it speaks of, and those beside it. */
export interface ProjectionState extends Build {
  /** the view's name */
  readonly _id: string;
  /** of the holder that may feed the active build: an older one is refused */
  readonly epoch: number;
  /** how many builds there ever were */
  readonly builds: number;
  /** what a roll-back goes back to */
  readonly previous?: Build;
  readonly rebuilding?: Rebuild;
}

export function projections(db: Db) {
  return db.collection<ProjectionState>('projections');
}

/** @returns undefined where the view was never fed */
export async function projectionState(db: Db, name: string): Promise<ProjectionState | undefined> {
  return (await projections(db).findOne({ _id: name }, committed)) ?? undefined;
}

/** Becomes the one that feeds the active build: any holder before is refused from now on. */
export async function takeOverProjection(db: Db, view: View): Promise<ProjectionState> {
  for (;;) {
    const state = await update(db, { _id: view.name }, { $inc: { epoch: 1 } });
    if (state === undefined) await createState(db, view);
    else return await withCollection(db, view, state, state.collection);
  }
}

/** Becomes the one that goes on with the rebuild of this id, which is begun where needed; one of another id is given up. */
export async function takeOverRebuild(db: Db, view: View, rebuildId: string): Promise<ProjectionState> {
  for (;;) {
    const mine = { _id: view.name, 'rebuilding.rebuildId': rebuildId };
    const state = await update(db, mine, { $inc: { 'rebuilding.epoch': 1 } });
    if (state?.rebuilding) return await withCollection(db, view, state, state.rebuilding.collection);
    const known = await projectionState(db, view.name);
    if (known === undefined) await createState(db, view);
    else if (known.rebuildId === rebuildId) return known;
    else await beginRebuild(db, view, known, rebuildId);
  }
}

async function createState(db: Db, view: View): Promise<void> {
  // Not the name of a collection that a state before has left.
  const n = Math.max(0, ...(await buildCollections(db, view.name)).map(({ n: used }) => used)) + 1;
  try {
    const build = await newBuild(db, view, n);
    await projections(db).insertOne({ ...build, _id: view.name, epoch: 0, builds: n }, durable);
  } catch (error) {
    if (!isDuplicateKey(error)) throw error;
  }
}

async function beginRebuild(
  db: Db,
  view: View,
  { builds }: ProjectionState,
  rebuildId: string,
): Promise<void> {
  const build = await newBuild(db, view, builds + 1);
  const rebuilding = { ...build, rebuildId, epoch: 0, startedAt: build.at, eventsPerSecond: 0 };
  await update(db, { _id: view.name, builds }, { $set: { rebuilding, builds: builds + 1 } });
}

async function newBuild(db: Db, { name, version }: View, n: number): Promise<Build> {
  const feed = await feedBegunAnew(db);
  return {
    collection: `${name}_${n}`,
    version,
    position: 0,
    ...(feed !== undefined && { feed }),
    parked: 0,
    at: new Date().toISOString(),
  };
}

async function withCollection(
  db: Db,
  view: View,
  state: ProjectionState,
  collection: string,
): Promise<ProjectionState> {
  await db.createCollection(collection).catch((error: unknown) => {
    if (!isNamespaceTaken(error)) throw error;
  });
  if (view.indexes.length > 0) await documents(db, collection).createIndexes([...view.indexes]);
  return state;
}

function isNamespaceTaken(error: unknown): boolean {
  return error instanceof MongoServerError && error.codeName === 'NamespaceExists';
}

/**
 * Makes the build that is on its way the active one, at once for every reader and for whoever feeds the view. Not while it
 * is behind the active one: no reader sees time go back, unless the feed itself did.
 *
 * @param head of the feed
 * @returns false where it is behind, or was given up
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
 * Goes back to the build before; the one that was active is kept in its place, so that a second roll-back undoes the first.
 *
 * @returns undefined where there is none to go back to
 */
export async function rollBack(db: Db, name: string): Promise<ProjectionState | undefined> {
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

/** As a value of its own: a plain document would be merged into what is there. */
const activeBuild = { $mergeObjects: [Object.fromEntries(buildFields.map((field) => [field, `$${field}`]))] };

/** A field that the build lacks is removed. */
function fieldsOf(build: 'previous' | 'rebuilding') {
  return Object.fromEntries(
    buildFields.map((field) => [field, { $ifNull: [`$${build}.${field}`, '$$REMOVE'] }]),
  );
}

/** Removes the collections of a view that neither readers nor a roll-back need, and what was set aside for them. */
export async function dropUnusedBuilds(db: Db, name: string): Promise<void> {
  const state = await projectionState(db, name);
  if (state === undefined) return;
  const used = new Set([state, state.previous, state.rebuilding].map((build) => build?.collection));
  for (const { collection, n } of await buildCollections(db, name)) {
    // One with a greater number has just been begun.
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
  filter: Parameters<ReturnType<typeof projections>['findOneAndUpdate']>[0],
  change: UpdateFilter<ProjectionState> | object[],
): Promise<ProjectionState | undefined> {
  const state = await projections(db).findOneAndUpdate(filter, change, {
    returnDocument: 'after',
    ...durable,
  });
  return state ?? undefined;
}
