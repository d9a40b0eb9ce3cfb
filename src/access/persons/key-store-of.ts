import type { Db } from 'mongodb';
import type { KeyStore } from './key-store.js';

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
