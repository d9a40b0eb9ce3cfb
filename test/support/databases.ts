import type { Db } from 'mongodb';
import { sandboxDatabase } from '../../src/effects/payments/sandbox-ledger.js';

/** Removes the database of a test's orders, and that of its sandbox provider. */
export async function dropDatabases(db: Db): Promise<void> {
  await Promise.all([db.dropDatabase(), sandboxDatabase(db).dropDatabase()]);
}
