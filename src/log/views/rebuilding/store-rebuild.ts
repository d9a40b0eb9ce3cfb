import type { Db } from 'mongodb';
import { committed, durable, isDuplicateKey } from '../../journal/durability.js';
import { Superseded } from '../../feed/sequencer.js';

/** What is not fed by the feed, and can be rebuilt all the same: `orders` from the journal, the journal from the histories. */
export const storeNames = ['orders', 'journal'] as const;
export type StoreName = (typeof storeNames)[number];

/** The last rebuild of a store, under way or over. */
export interface StoreRebuild {
  readonly _id: StoreName;
  readonly rebuildId: string;
  /** of the holder that may go on with it */
  readonly epoch: number;
  readonly phase: 'running' | 'swapping' | 'done';
  /** ISO-8601 UTC */
  readonly startedAt: string;
  readonly at: string;
  /** orders that were rebuilt */
  readonly done: number;
  /** orders there are, as far as it is known */
  readonly total: number;
  /** of late */
  readonly perSecond: number;
  /** where to go on: an order's id, or a page's token; absent at the beginning */
  readonly place?: string;
  /** the feed's head when the rebuild had seen all that was recorded before */
  readonly since: number;
  readonly exceptions: Exceptions;
  /** of what it makes, where that has versions; absent stands for 1 */
  readonly version?: number;
  /** version of what is read until then; absent stands for 1 */
  readonly replaces?: number;
  /** where it is built, if that is beside what is read meanwhile */
  readonly collection?: string;
  /** of that collection, whatever its name: known once it is whole */
  readonly identity?: string | undefined;
}

/** Orders that could not be rebuilt from their first event on: how many there are, and the first hundred. */
export interface Exceptions {
  readonly count: number;
  readonly orderIds: readonly string[];
}

/** Id of the rebuild of a store that was never rebuilt: it began with this version. */
export const neverRebuilt = 'none';

const namedExceptions = 100;

export function storeRebuilds(db: Db) {
  return db.collection<StoreRebuild>('store_rebuilds');
}

/** Notes the version of a store that has nothing in it yet, unless one is noted. */
export async function noteFirstVersion(db: Db, name: StoreName, version: number): Promise<void> {
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

/** What is made beside what is read. */
type Made = 'version' | 'replaces' | 'collection';

/** The version that a rebuild makes; what was never rebuilt is as it was when there was no other version yet. */
export function versionOf(rebuild: StoreRebuild | null): number {
  return rebuild?.version ?? 1;
}

/** The version of what is read. */
export function versionRead(rebuild: StoreRebuild | null): number {
  return rebuild?.phase === 'running' ? (rebuild.replaces ?? 1) : versionOf(rebuild);
}

/** Whoever goes on with the rebuild of a store, for as long as nobody else does. */
export class StoreRebuilder {
  private readonly db: Db;
  private readonly began: { readonly at: number; readonly done: number };
  state: StoreRebuild;

  /**
   * Begins the rebuild with this id, or goes on with it; one with another id is given up for it.
   *
   * @throws Superseded where another came between, and is not given up for this one unseen: call it again
   */
  static async takeOver(
    db: Db,
    name: StoreName,
    rebuildId: string,
    begin: (last: StoreRebuild | null) => Promise<Pick<StoreRebuild, 'since' | 'total' | Made>>,
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
    if (!(await succeed(db, last, fresh))) throw new Superseded(`Another rebuilds ${name}.`);
    return new StoreRebuilder(db, fresh);
  }

  private constructor(db: Db, state: StoreRebuild) {
    this.db = db;
    this.state = state;
    this.began = { at: Date.now(), done: state.done };
  }

  /** @throws Superseded where another goes on with it, or with another rebuild of this store */
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
    if (matchedCount === 0) throw new Superseded(`Another rebuilds ${_id}.`);
    this.state = { ...this.state, ...changes };
  }

  /** The exceptions with these orders among them. */
  exceptionsWith(orderIds: readonly string[]): Exceptions {
    const { count, orderIds: named } = this.state.exceptions;
    return { count: count + orderIds.length, orderIds: [...named, ...orderIds].slice(0, namedExceptions) };
  }
}

/** Puts a rebuild in the place of the last one. False where that is not as it was seen. */
async function succeed(db: Db, last: StoreRebuild | null, fresh: StoreRebuild): Promise<boolean> {
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
