import type { Db } from 'mongodb';
import { isDuplicateKey } from '../mongodb/duplicates.js';
import { committed, durable } from '../mongodb/durability.js';
import type { SignedCertificate } from './certificate.js';
import type { Forgetting, OpenOrders } from './messages.js';

/**
 * Status of a forgetting. It is `refused` if an order was open, and the request did not allow
 * waiting for the order.
 */
export const forgettingStatuses = ['forgetting', 'waiting', 'refused', 'forgotten'] as const;
export type ForgettingStatus = (typeof forgettingStatuses)[number];

/** A forgetting, and its certificate once it is done. */
export interface ForgettingRow extends Omit<Forgetting, 'id' | 'keyInUseMs'> {
  /** `Forgetting.id` */
  readonly _id: string;
  readonly status: ForgettingStatus;
  /** the orders that it waits for, or was refused for; absent if there are none */
  readonly open?: OpenOrders;
  readonly certificate?: SignedCertificate;
}

export function forgettings(db: Db) {
  return db.collection<ForgettingRow>('forgettings');
}

export async function ensureForgettingIndexes(db: Db): Promise<void> {
  await forgettings(db).createIndexes([{ key: { customerId: 1, requestedAt: -1 } }]);
}

/** Sets the status of a forgetting, and creates its row if there is none. */
export async function storeStatus(
  db: Db,
  { id, ...forgetting }: Forgetting,
  status: ForgettingStatus,
  more: Pick<ForgettingRow, 'open' | 'certificate'> = {},
): Promise<void> {
  const { keyInUseMs: _, ...asked } = forgetting;
  try {
    await forgettings(db).updateOne(
      { _id: id, status: { $ne: 'forgotten' } },
      {
        $setOnInsert: asked,
        $set: { status, ...more },
        ...(more.open === undefined && { $unset: { open: true } }),
      },
      { ...durable, upsert: true },
    );
  } catch (error) {
    // If an earlier attempt of this activity has stored `forgotten`, the filter does not match, and
    // the upsert fails as a duplicate. Then there is nothing left to do.
    const row = isDuplicateKey(error) ? await forgettings(db).findOne({ _id: id }, committed) : null;
    if (row?.status !== 'forgotten') throw error;
  }
}

export async function latestForgetting(db: Db, customerId: string): Promise<ForgettingRow | undefined> {
  const found = await forgettings(db)
    .find({ customerId }, committed)
    .sort({ requestedAt: -1 })
    .limit(1)
    .toArray();
  return found[0];
}
