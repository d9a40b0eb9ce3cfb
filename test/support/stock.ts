import type { Db } from 'mongodb';
import { stockStates } from '../../src/effects/inventory/stock-state.js';

/** Prepares the stock of a new database, as set-up does, for tests without a set-up. */
export async function setUpStock(db: Db): Promise<void> {
  const fresh = { database: db.databaseName, comparisons: 0 };
  await stockStates(db).updateOne({ _id: 'stock' }, { $setOnInsert: fresh }, { upsert: true });
}
