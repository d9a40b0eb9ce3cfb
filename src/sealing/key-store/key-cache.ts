import type { CustomerKey } from '../customer-key.js';

/** How long a key is used without asking the store. */
export const FRESH_MS = 1_000;
const MAX_CACHED = 10_000;

/** A key, and the time at which the store was last asked about it. */
interface Known<K> {
  readonly key: K;
  readonly checkedAt: number;
}

/**
 * Remembers the most recently used keys, unwrapped, with the time at which the store was last asked
 * about each.
 */
export class KeyCache {
  private readonly sealing = new Map<string, Known<CustomerKey>>();
  private readonly opening = new Map<string, Known<Buffer>>();

  /** The key that last sealed a value of this customer. */
  sealingKey(customerId: string): Known<CustomerKey> | undefined {
    return this.sealing.get(customerId);
  }

  openingKey(keyId: string): Known<Buffer> | undefined {
    return this.opening.get(keyId);
  }

  keepSealing(customerId: string, key: CustomerKey): CustomerKey {
    keep(this.sealing, customerId, key);
    this.keepOpening(key.keyId, key.key);
    return key;
  }

  keepOpening(keyId: string, key: Buffer): void {
    keep(this.opening, keyId, key);
  }

  /** Removes the customer's sealing key, so that it is read from the store again. */
  dropSealing(customerId: string): void {
    this.sealing.delete(customerId);
  }

  dropOpening(keyId: string): void {
    this.opening.delete(keyId);
  }
}

export function isFresh({ checkedAt }: Pick<Known<unknown>, 'checkedAt'>): boolean {
  return Date.now() - checkedAt < FRESH_MS;
}

/** Adds or refreshes an entry. A full cache drops the entry that was refreshed longest ago. */
function keep<K>(cache: Map<string, Known<K>>, name: string, key: K): void {
  cache.delete(name);
  cache.set(name, { key, checkedAt: Date.now() });
  if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value ?? '');
}
