import type { Db } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import { type RebuildProgress, timeLeft } from '../views/status.js';
import {
  type Exceptions,
  neverRebuilt,
  type StoreRebuild,
  storeRebuilds,
  versionRead,
} from './store-rebuild.js';

/** A state view or a journal, and its last rebuild. */
export interface StoreStatus {
  readonly name: string;
  /**
   * the version of the fold that built the store; absent if the store has no versions, or none is
   * saved
   */
  readonly version?: number;
  /**
   * the id of the last completed rebuild, and the time of its completion; absent while a new
   * rebuild is under way
   */
  readonly rebuildId?: string;
  readonly at?: string;
  /** entities that this rebuild could not fold from their first event on */
  readonly exceptions?: Exceptions;
  readonly rebuilding?: RebuildProgress;
}

/** @param names see `storesOf` */
export async function storesStatus(db: Db, names: readonly string[]): Promise<readonly StoreStatus[]> {
  const rebuilds = await storeRebuilds(db).find({}, committedInTime).toArray();
  return names.map((name) =>
    toStatus(
      name,
      rebuilds.find(({ _id }) => _id === name),
    ),
  );
}

function toStatus(name: string, rebuild: StoreRebuild | undefined): StoreStatus {
  if (rebuild === undefined) return { name };
  const { rebuildId, phase, startedAt, at, done, total, perSecond, exceptions } = rebuild;
  const read = {
    name,
    ...('version' in rebuild && { version: versionRead(rebuild) }),
  };
  if (rebuildId === neverRebuilt) return read;
  if (phase === 'done') return { ...read, rebuildId, at, exceptions };
  return {
    ...read,
    rebuilding: { rebuildId, startedAt, done, total, perSecond, ...timeLeft(total - done, perSecond) },
  };
}
