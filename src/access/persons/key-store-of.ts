import type { Db } from 'mongodb';
import type { KeyStore } from './key-store.js';

/**
 * The key store of each database. It is no argument, because what reads a view or a log gets a
 * database alone: the projection of the view `orders` is one such reader.
 */
const stores = new WeakMap<Db, KeyStore>();

/** Sets the key store that opens the persons of a database. */
export function bindKeys(db: Db, keys: KeyStore): void {
  stores.set(db, keys);
}

/** The key store of a database that `connectMongo` has opened. */
export function keysOfDatabase(db: Db): KeyStore {
  const keys = stores.get(db);
  if (keys === undefined) throw new Error(`The database ${db.databaseName} was opened without a key store.`);
  return keys;
}
