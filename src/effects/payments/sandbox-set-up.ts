import type { Db } from 'mongodb';
import { batches } from '../../concurrency/async-iterables.js';
import { insertMissing } from '../../mongodb/duplicates.js';
import { committed } from '../../mongodb/durability.js';
import { LEDGER, type LedgerEntry, sandboxLedger } from './sandbox-ledger.js';

const MOVE_BATCH_SIZE = 500;

/**
 * Creates the ledger's indexes, and moves entries that an earlier version kept in the orders'
 * database. Several processes may do this concurrently, and each may die halfway, because entries
 * are only added, and the old ledger is dropped after all of them were copied. Stop processes of
 * the earlier version first.
 *
 * @param db the database of the orders
 */
export async function setUpSandbox(db: Db): Promise<void> {
  const ledger = sandboxLedger(db);
  await ledger.createIndexes([
    { key: { orderId: 1, type: 1 } },
    { key: { 'authorization.id': 1 }, unique: true, sparse: true },
    { key: { 'capture.id': 1 }, unique: true, sparse: true },
  ]);
  if (await hasOldLedger(db)) {
    const old = db.collection<LedgerEntry>(LEDGER);
    for await (const entries of batches(old.find({}, committed), MOVE_BATCH_SIZE)) {
      await insertMissing(ledger, entries);
    }
    await old.drop();
  }
  migrated.add(db);
}

const migrated = new WeakSet<Db>();

/**
 * Moves an old ledger if set-up has not done so yet; resolves when all entries are in the new one.
 */
export async function ensureLedgerInPlace(db: Db): Promise<void> {
  if (migrated.has(db)) return;
  if (await hasOldLedger(db)) await setUpSandbox(db);
  migrated.add(db);
}

/**
 * True if the ledger of an earlier version still exists: it is dropped after all entries were
 * moved.
 */
async function hasOldLedger(db: Db): Promise<boolean> {
  return await db.listCollections({ name: LEDGER }, { nameOnly: true }).hasNext();
}
