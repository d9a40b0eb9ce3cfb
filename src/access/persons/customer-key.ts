import { randomBytes } from 'node:crypto';
import type { WrappedKeyRow } from './key-rows.js';
import { type MasterKeys, wrap } from './master-keys.js';

/** A key of one customer, under which personal values are sealed. */
export interface CustomerKey {
  readonly keyId: string;
  /** 256 bits */
  readonly key: Buffer;
}

/** Makes a new random key, with an id of its own. */
export function newCustomerKey(): CustomerKey {
  return { keyId: randomBytes(9).toString('base64url'), key: randomBytes(32) };
}

/** The row that the key store has for a key: the key is wrapped. */
export function toWrappedRow({ keyId, key }: CustomerKey, masterKeys: MasterKeys): WrappedKeyRow {
  return { _id: keyId, wrapped: wrap(masterKeys, keyId, key) };
}
