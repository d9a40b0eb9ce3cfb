import type { Db } from 'mongodb';
import { keyIdIn } from '../sealing/seal.js';
import { FORGOTTEN, personalTexts } from '../order/forget.js';
import type { Order } from '../order/order.js';
import { keysInJournal } from './keys-in-journal.js';

/**
 * Whether the order has a personal value that is in plain text, or sealed under one of the keys.
 */
export function hasPersonUnder(order: Order, keys: readonly string[]): boolean {
  return personalTexts(order).some((text) => {
    if (text === FORGOTTEN) return false;
    const keyId = keyIdIn(text);
    return keyId === undefined || keys.includes(keyId);
  });
}

/**
 * Whether a forgetting of these keys concerns the order. It does if the order has a personal value
 * in plain text or under one of these keys. It also does if the customer was forgotten before, but
 * the journal has a value under one of these keys that was not destroyed then. Such a value was
 * added during the earlier forgetting, and its key needs a tombstone as well.
 */
export async function needsForgetting(db: Db, order: Order, keys: readonly string[]): Promise<boolean> {
  if (hasPersonUnder(order, keys)) return true;
  const { forgotten, orderId } = order;
  const others = keys.filter((keyId) => forgotten !== undefined && !forgotten.keys.includes(keyId));
  if (others.length === 0) return false;
  const named = await keysInJournal(db, orderId);
  return others.some((keyId) => named.has(keyId));
}
