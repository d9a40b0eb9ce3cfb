import type { Collection, Db } from 'mongodb';
import { committed, durable } from '../../mongodb/durability.js';
import { webhookSecretRows } from './webhook-secrets.js';
import { keyRows } from './key-rows.js';
import { isWrappedByFirst, type MasterKeys, unwrap, wrap } from './master-keys.js';
import { systemKeyRows } from './system-keys.js';

interface WrappedRow {
  readonly _id: string;
  readonly wrapped: string;
}

/** See `KeyStore.rewrap`. */
export async function rewrapAll(db: Db, masterKeys: () => MasterKeys): Promise<number> {
  let count = 0;
  for (const collection of [
    keyRows(db),
    systemKeyRows(db),
    webhookSecretRows(db),
  ] as readonly Collection<WrappedRow>[]) {
    for await (const { _id, wrapped: text } of collection.find({ wrapped: { $exists: true } }, committed)) {
      if (isWrappedByFirst(masterKeys(), text)) continue;
      const key = unwrap(masterKeys(), _id, text);
      // The filter has the old text, so a key that was destroyed meanwhile stays destroyed.
      const change = { $set: { wrapped: wrap(masterKeys(), _id, key) } };
      count += (await collection.updateOne({ _id, wrapped: text }, change, durable)).modifiedCount;
    }
  }
  return count;
}
