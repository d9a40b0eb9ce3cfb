import type { Db } from 'mongodb';
import { sandboxDatabase } from '../../src/effects/payments/sandbox-ledger.js';

/** Drops a test's database, that of its sandbox provider, and that of its keys. */
export async function dropDatabases(db: Db): Promise<void> {
  const keys = db.client.db(`${db.databaseName}_keys`);
  await Promise.all([db.dropDatabase(), sandboxDatabase(db).dropDatabase(), keys.dropDatabase()]);
}
