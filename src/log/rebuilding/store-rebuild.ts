import type { Db, Document } from 'mongodb';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import { Fenced } from '../leases/fencing.js';

/** The last rebuild, running or done, of a store. */
export type StoreRebuild = JournalRebuild | StateViewRebuild;

/** Fields that the rebuilds of both kinds of stores have. Times are ISO-8601 UTC. */
interface Progress {
  /** the name of the store: see `storesOf` */
  readonly _id: string;
  readonly rebuildId: string;
  /** fencing token: a worker with an older epoch is refused */
  readonly epoch: number;
  readonly startedAt: string;
  readonly at: string;
  /** entities that are rebuilt so far */
  readonly done: number;
  /** entities in all, as far as known */
  readonly total: number;
  /** average since the current worker took over */
  readonly perSecond: number;
  readonly exceptions: Exceptions;
}

/** The rebuild of a journal, from the workflow histories. */
export interface JournalRebuild extends Progress {
  readonly phase: 'running' | 'done';
  /**
   * The checkpoint: the token of the next page of Temporal's list. Absent at the beginning. Unlike
   * elsewhere, `place` is not a `FeedPlace` here; the name stays, because it is persisted.
   */
  readonly place?: string;
}

/** The rebuild of a state view, in a new collection. */
export interface StateViewRebuild extends Progress {
  readonly phase: 'running' | 'swapping' | 'done';
  /**
   * The checkpoint: the id of the last entity that was written. Absent at the beginning. This
   * `place` is not a `FeedPlace` either.
   */
  readonly place?: string;
  /** The rebuild has every event up to this position of the feed. The name is persisted. */
  readonly since: number;
  /** version of the fold that builds the view; absent for version 1 */
  readonly version?: number;
  /** version of the view that is read until the swap; absent for version 1 */
  readonly replaces?: number;
  /** the collection that the view is built in; absent if an earlier version of the code began it */
  readonly collection?: string;
  /** UUID of that collection, which a rename keeps; set before the swap */
  readonly identity?: string | undefined;
}

/** How many entities could not be rebuilt from their first event on, and the first hundred ids. */
export interface Exceptions {
  readonly count: number;
  readonly orderIds: readonly string[];
}

/** The rebuild id of a state view that was created with its present version, and never rebuilt. */
export const neverRebuilt = 'none';

const MAX_NAMED = 100;

export function storeRebuilds(db: Db) {
  return db.collection<StoreRebuild>('store_rebuilds');
}

/**
 * Saves the version of a state view that is still empty, as a rebuild that is done. Does nothing if
 * a rebuild is saved already.
 */
export async function noteFirstVersion(db: Db, name: string, version: number): Promise<void> {
  const now = new Date().toISOString();
  const first: Omit<StateViewRebuild, '_id'> = {
    rebuildId: neverRebuilt,
    epoch: 0,
    phase: 'done',
    startedAt: now,
    at: now,
    done: 0,
    total: 0,
    perSecond: 0,
    since: 0,
    exceptions: { count: 0, orderIds: [] },
    version,
  };
  await storeRebuilds(db).updateOne({ _id: name }, { $setOnInsert: first }, { upsert: true, ...durable });
}

/** The version that a rebuild makes; 1 for a state view that was never rebuilt. */
export function versionBuilt(rebuild: StateViewRebuild | null): number {
  return rebuild?.version ?? 1;
}

/**
 * The version of the state view that is read now. In the phase `swapping` it is the version of the
 * new view, although the rename may not have happened yet.
 */
export function versionRead(rebuild: StateViewRebuild | null): number {
  return rebuild?.phase === 'running' ? (rebuild.replaces ?? 1) : versionBuilt(rebuild);
}

/** The fields that every rebuild begins with. */
export type Begun = Omit<Progress, 'total'> & { readonly phase: 'running' };

/** The fields that may change as a rebuild advances. */
type Changes<R extends StoreRebuild> = Partial<
  Omit<R, '_id' | 'rebuildId' | 'epoch' | 'startedAt' | 'at' | 'perSecond'>
>;

/** Holds the rebuild of a store until another worker takes it over. */
export class StoreRebuilder<R extends StoreRebuild> {
  private readonly db: Db;
  private readonly began: { readonly at: number; readonly done: number };
  state: R;

  /**
   * Starts the rebuild with this id, or continues it. A rebuild with another id is abandoned.
   *
   * @param begin makes the new rebuild; it gets the fields that every rebuild begins with
   * @throws Fenced if another rebuild began at the same moment; another call may succeed
   */
  static async takeOver<R extends StoreRebuild>(
    db: Db,
    name: string,
    rebuildId: string,
    begin: (begun: Begun, last: R | null) => Promise<R>,
  ): Promise<StoreRebuilder<R>> {
    const known = await storeRebuilds(db).findOneAndUpdate(
      { _id: name, rebuildId },
      { $inc: { epoch: 1 } },
      { returnDocument: 'after', ...durable },
    );
    // The name decides which kind of store it is, and so which kind of rebuild.
    if (known !== null) return new StoreRebuilder(db, known as R);
    const last = await storeRebuilds(db).findOne<R>({ _id: name }, committed);
    const now = new Date().toISOString();
    const begun: Begun = {
      _id: name,
      rebuildId,
      epoch: 1,
      phase: 'running',
      startedAt: now,
      at: now,
      done: 0,
      perSecond: 0,
      exceptions: { count: 0, orderIds: [] },
    };
    const fresh = await begin(begun, last);
    if (!(await replaceLast(db, last, fresh))) throw new Fenced(`Another worker rebuilds ${name}.`);
    return new StoreRebuilder(db, fresh);
  }

  private constructor(db: Db, state: R) {
    this.db = db;
    this.state = state;
    this.began = { at: Date.now(), done: state.done };
  }

  /**
   * @throws Fenced if another worker has taken this rebuild over, or another rebuild of this store
   *   has begun
   */
  async advance(more: Changes<R>): Promise<void> {
    const { _id, rebuildId, epoch, done } = this.state;
    const seconds = Math.max(1, Date.now() - this.began.at) / 1_000;
    const perSecond = Math.round(((more.done ?? done) - this.began.done) / seconds);
    const changes = { ...more, perSecond, at: new Date().toISOString() };
    // `Changes` has checked the fields. A type parameter cannot be checked against the collection.
    const $set: Document = changes;
    const { matchedCount } = await storeRebuilds(this.db).updateOne(
      { _id, rebuildId, epoch },
      { $set },
      durable,
    );
    if (matchedCount === 0) throw new Fenced(`Another worker rebuilds ${_id}.`);
    this.state = { ...this.state, ...changes };
  }

  /** The exceptions so far, and these entities. */
  exceptionsWith(orderIds: readonly string[]): Exceptions {
    const { count, orderIds: named } = this.state.exceptions;
    return { count: count + orderIds.length, orderIds: [...named, ...orderIds].slice(0, MAX_NAMED) };
  }
}

/** Replaces the last rebuild. False if that has changed since it was read. */
async function replaceLast(db: Db, last: StoreRebuild | null, fresh: StoreRebuild): Promise<boolean> {
  const seen =
    last === null
      ? { rebuildId: { $exists: false } }
      : { rebuildId: last.rebuildId, epoch: last.epoch, phase: last.phase };
  const { _id } = fresh;
  try {
    await storeRebuilds(db).replaceOne({ _id, ...seen }, fresh, { upsert: true, ...durable });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
