import type { Collection, Db } from 'mongodb';
import { ago } from '../../log/time.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { durable } from '../../mongodb/durability.js';
import type { ParcelOnItsWay } from './parcels.js';

/** When a carrier was asked about a parcel, and whether it could answer. */
export interface TrackingRow extends ParcelOnItsWay {
  /** `<orderId>:<shipmentId>` */
  readonly _id: string;
  /** when the carrier was last asked, ISO-8601 UTC */
  readonly askedAt: string;
  /**
   * when the first failure since the last answer happened, ISO-8601 UTC; absent if the last attempt
   * was answered
   */
  readonly failingSince?: string;
  readonly failure?: string;
}

const MAX_PROBLEM_LENGTH = 500;

export function trackingRows(db: Db): Collection<TrackingRow> {
  return db.collection<TrackingRow>('tracked_parcels');
}

/** @param id of the row */
export async function storeFailure(db: Db, id: string, failure: string): Promise<void> {
  const text = { $literal: failure.slice(0, MAX_PROBLEM_LENGTH) };
  await trackingRows(db).updateOne(
    { _id: id },
    [{ $set: { failure: text, failingSince: { $ifNull: ['$failingSince', ago(0)] } } }],
    durable,
  );
}

export async function clearFailure(db: Db, id: string): Promise<void> {
  await trackingRows(db).updateOne(
    { _id: id, failingSince: { $exists: true } },
    { $unset: { failure: '', failingSince: '' } },
    durable,
  );
}

/** Claims a parcel for this process. False if a process has claimed it since `dueBy`. */
export async function claim(db: Db, parcel: ParcelOnItsWay, dueBy: string): Promise<boolean> {
  try {
    await trackingRows(db).updateOne(
      { _id: rowIdOf(parcel), askedAt: { $lte: dueBy } },
      { $set: { ...parcel, askedAt: ago(0) } },
      { upsert: true, ...durable },
    );
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** Gives up a claim, so that the next round asks about the parcel again. */
export async function unclaim(db: Db, parcel: ParcelOnItsWay, everyMs: number): Promise<void> {
  await trackingRows(db).updateOne({ _id: rowIdOf(parcel) }, { $set: { askedAt: ago(everyMs) } }, durable);
}

/**
 * Deletes the rows that no round has claimed since `dueBy`: their parcels are no longer on their
 * way.
 */
export async function deleteOldRows(db: Db, dueBy: string): Promise<void> {
  await trackingRows(db).deleteMany({ askedAt: { $lte: dueBy } }, durable);
}

export function rowIdOf({ orderId, shipmentId }: ParcelOnItsWay): string {
  return `${orderId}:${shipmentId}`;
}
