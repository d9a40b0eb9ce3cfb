import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import { committed, durable } from '../../mongodb/durability.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { type Counts, type StockState, stockState, stockStates } from './stock-state.js';
import { movements, stock } from './stock.js';

/**
 * Sets up the state of the stock in a database that has none, unless another process does it first.
 *
 * @param lostCounts the counts of Temporal's mark, if there is one: a mark means that the earlier
 *   database was lost
 */
export async function setUpStockState(db: Db, lostCounts: Counts | undefined): Promise<StockState> {
  const since = new Date().toISOString();
  const state: StockState = {
    _id: 'stock',
    database: randomUUID(),
    comparisons: 0,
    ...(lostCounts !== undefined && { outdated: { cause: 'lost', since, counts: lostCounts } }),
  };
  await addMissingCounts(db);
  try {
    await stockStates(db).insertOne(state, durable);
    return state;
  } catch (error) {
    const other = isDuplicateKey(error) ? await stockState(db) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

/** Stores how many times each SKU was counted; an earlier version kept only the movements. */
async function addMissingCounts(db: Db): Promise<void> {
  const counted = movements(db).aggregate<{ _id: string; counts: number }>(
    [
      { $match: { type: 'set' } },
      { $unwind: '$lines' },
      { $group: { _id: '$lines.sku', counts: { $sum: 1 } } },
    ],
    committed,
  );
  for await (const { _id: sku, counts } of counted) {
    await stock(db).updateOne({ _id: sku, counts: { $exists: false } }, { $set: { counts } }, durable);
  }
}
