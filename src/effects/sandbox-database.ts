import type { Db } from 'mongodb';

/**
 * The database of the sandbox's providers. It stands for systems of other companies, so it is not
 * part of our backups.
 */
export function sandboxDatabase(db: Db): Db {
  return db.client.db(`${db.databaseName}_sandbox`);
}
