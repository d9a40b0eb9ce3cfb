import type { Db } from 'mongodb';
import { sandboxDatabase } from '../../src/effects/payments/sandbox-ledger.js';

/** Drops a test's database and that of its sandbox provider. */
export async function dropDatabases(db: Db): Promise<void> {
  await Promise.all([db.dropDatabase(), sandboxDatabase(db).dropDatabase()]);
}
