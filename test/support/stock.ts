import type { Db } from 'mongodb';
import { stockStates } from '../../src/effects/inventory/stock-state.js';

/** A database as set-up leaves one that is new, where a test has no set-up. */
export async function foundStock(db: Db): Promise<void> {
  const fresh = { database: db.databaseName, comparisons: 0 };
  await stockStates(db).updateOne({ _id: 'stock' }, { $setOnInsert: fresh }, { upsert: true });
}
