import type { Db } from 'mongodb';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { AnyLog } from '../journal/entity-log.js';
import { Fenced } from '../leases/fencing.js';

/** The last rebuild, running or done, of a store: of a state view, or of a journal. */
export interface StoreRebuild {
  /** the collection of the state view, or `AnyLog.journalRebuild` */
  readonly _id: string;
  readonly rebuildId: string;
  /** fencing token: a worker with an older epoch is refused */
  readonly epoch: number;
  readonly phase: 'running' | 'swapping' | 'done';
  /** ISO-8601 UTC */
  readonly startedAt: string;
  readonly at: string;
  /** entities that are rebuilt so far */
  readonly done: number;
  /** entities in all, as far as known */
  readonly total: number;
  /** average since the current worker took over */
  readonly perSecond: number;
  /**
   * the checkpoint: an entity's id, or the token of a page; absent at the beginning; the name is
   * persisted
   */
  readonly place?: string;
  /** a position of the feed: the rebuild has every event up to it; the name is persisted */
  readonly since: number;
  readonly exceptions: Exceptions;
  /**
   * version of the fold that builds the store; absent for version 1, and for a store without
   * versions
   */
  readonly version?: number;
  /** version of the store that is read until the swap; absent for version 1 */
  readonly replaces?: number;
  /** the collection that the store is built in; absent if it is the one that is read */
  readonly collection?: string;
  /** UUID of that collection, which a rename keeps; set before the swap */
  readonly identity?: string | undefined;
}

/** The entities that could not be rebuilt from their first event on; ids of the first hundred. */
export interface Exceptions {
  readonly count: number;
  readonly orderIds: readonly string[];
}

/** The rebuild id of a store that was created with its present version, and never rebuilt. */
export const neverRebuilt = 'none';

const MAX_NAMED = 100;

/** The stores of a log: its state view, and its journal. */
export function storesOf({
  view,
  journalRebuild,
}: Pick<AnyLog, 'view' | 'journalRebuild'>): readonly string[] {
  return [view.collection, journalRebuild];
}

export function storeRebuilds(db: Db) {
  return db.collection<StoreRebuild>('store_rebuilds');
}

/** Saves the version of a store that is still empty, unless one is saved. */
export async function noteFirstVersion(db: Db, name: string, version: number): Promise<void> {
  const now = new Date().toISOString();
  const first: Omit<StoreRebuild, '_id'> = {
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

/** The fields that only a rebuild in a new collection has. */
type OfCollection = 'version' | 'replaces' | 'collection';

/** The version that a rebuild makes; 1 for a store that was never rebuilt. */
export function versionBuilt(rebuild: StoreRebuild | null): number {
  return rebuild?.version ?? 1;
}

/** The version of the store that is read now. */
export function versionRead(rebuild: StoreRebuild | null): number {
  return rebuild?.phase === 'running' ? (rebuild.replaces ?? 1) : versionBuilt(rebuild);
}

/** Holds the rebuild of a store until another worker takes it over. */
export class StoreRebuilder {
  private readonly db: Db;
  private readonly began: { readonly at: number; readonly done: number };
  state: StoreRebuild;

  /**
   * Starts the rebuild with this id, or continues it. A rebuild with another id is abandoned.
   *
   * @throws Fenced if another rebuild began at the same moment; another call may succeed
   */
  static async takeOver(
    db: Db,
    name: string,
    rebuildId: string,
    begin: (last: StoreRebuild | null) => Promise<Pick<StoreRebuild, 'since' | 'total' | OfCollection>>,
  ): Promise<StoreRebuilder> {
    const known = await storeRebuilds(db).findOneAndUpdate(
      { _id: name, rebuildId },
      { $inc: { epoch: 1 } },
      { returnDocument: 'after', ...durable },
    );
    if (known !== null) return new StoreRebuilder(db, known);
    const last = await storeRebuilds(db).findOne({ _id: name }, committed);
    const now = new Date().toISOString();
    const fresh: StoreRebuild = {
      _id: name,
      rebuildId,
      epoch: 1,
      phase: 'running',
      startedAt: now,
      at: now,
      done: 0,
      perSecond: 0,
      exceptions: { count: 0, orderIds: [] },
      ...(await begin(last)),
    };
    if (!(await replaceLast(db, last, fresh))) throw new Fenced(`Another worker rebuilds ${name}.`);
    return new StoreRebuilder(db, fresh);
  }

  private constructor(db: Db, state: StoreRebuild) {
    this.db = db;
    this.state = state;
    this.began = { at: Date.now(), done: state.done };
  }

  /**
   * @throws Fenced if another worker has taken this rebuild over, or another rebuild of this store
   *   has begun
   */
  async advance(
    more: Partial<
      Pick<StoreRebuild, 'phase' | 'done' | 'total' | 'place' | 'since' | 'exceptions' | 'identity'>
    >,
  ) {
    const { _id, rebuildId, epoch, done } = this.state;
    const seconds = Math.max(1, Date.now() - this.began.at) / 1_000;
    const perSecond = Math.round(((more.done ?? done) - this.began.done) / seconds);
    const changes = { ...more, perSecond, at: new Date().toISOString() };
    const { matchedCount } = await storeRebuilds(this.db).updateOne(
      { _id, rebuildId, epoch },
      { $set: changes },
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
