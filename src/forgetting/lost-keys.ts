import type { Destruction, KeyStore } from '../sealing/key-store/key-store.js';
import type { Databases } from '../databases.js';
import { keysOfCustomer } from './customer-keys.js';

/** A key that is not in the key store, though orders have values under it. */
export interface LostKey {
  readonly keyId: string;
  readonly orderIds: readonly string[];
}

/**
 * The keys of a customer that the key store lacks. Such a key may still be on the disk of a machine
 * that made it during an outage of the store (`KeysToStore`).
 *
 * @throws errors of MongoDB and Temporal during an outage
 */
export async function lostKeys(
  databases: Databases,
  keyStore: KeyStore,
  customerId: string,
): Promise<readonly LostKey[]> {
  const lost: LostKey[] = [];
  for (const [keyId, orderIds] of await keysOfCustomer(databases, customerId))
    if ((await keyStore.openingKey(keyId)) === 'unknown') lost.push({ keyId, orderIds });
  return lost;
}

/**
 * Gives lost keys up for good: from then on they count as destroyed. Their values are shown as
 * forgotten, a payment that needs such a value is declined, and the customer can be forgotten.
 */
export async function giveUpKeys(
  keyStore: KeyStore,
  customerId: string,
  lost: readonly LostKey[],
  why: Destruction,
): Promise<void> {
  await keyStore.destroy({ customerId, keyIds: lost.map(({ keyId }) => keyId), why });
}
