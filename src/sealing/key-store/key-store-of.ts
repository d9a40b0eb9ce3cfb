import type { Db } from 'mongodb';
import type { KeyStore } from './key-store.js';

/**
 * The key store of each database. It is not passed as an argument, because functions that read a
 * view or a log get only a database. The projection of the view `orders` is one such function.
 */
const stores = new WeakMap<Db, KeyStore>();

/** Sets the key store that opens the sealed values of a database. */
export function bindKeyStore(db: Db, keyStore: KeyStore): void {
  stores.set(db, keyStore);
}

/** The key store of a database that `connectMongo` has opened. */
export function keyStoreOf(db: Db): KeyStore {
  const keyStore = stores.get(db);
  if (keyStore === undefined)
    throw new Error(`The database ${db.databaseName} was opened without a key store.`);
  return keyStore;
}
