import { randomBytes } from 'node:crypto';
import type { WrappedKeyRow } from './key-rows.js';
import { type MasterKeys, wrap } from './master-keys.js';
import type { CustomerKey } from './sealing.js';

/** Makes a new random key, with an id of its own. */
export function newCustomerKey(): CustomerKey {
  return { keyId: randomBytes(9).toString('base64url'), key: randomBytes(32) };
}

/** The row that the key store has for a key: the key is wrapped. */
export function toWrappedRow({ keyId, key }: CustomerKey, masterKeys: MasterKeys): WrappedKeyRow {
  return { _id: keyId, wrapped: wrap(masterKeys, keyId, key) };
}
