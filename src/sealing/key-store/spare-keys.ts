import { setTimeout } from 'node:timers/promises';
import type { BoundedQuery } from './bounded-query.js';
import { type CustomerKey, newCustomerKey } from '../customer-key.js';
import { type KeyRow, type KeyRows, toWrappedRow, type WrappedKeyRow } from './key-rows.js';
import type { KeysToStore, KeyToStore } from './keys-to-store.js';
import type { MasterKeys } from './master-keys.js';
import type { SystemKeys } from './system-keys.js';

const MAX_SPARES = 200;
const REFILL_AGAIN_MS = 1_000;

export interface SpareKeysDeps {
  readonly rows: KeyRows;
  readonly system: SystemKeys;
  readonly masterKeys: () => MasterKeys;
  readonly toStore: KeysToStore;
  readonly ask: BoundedQuery;
}

/**
 * Keys for new customers while the store is unavailable. Spare keys are in the store already, and
 * belong to no customer yet. If none is left, a new key waits on this machine until the store is
 * reached.
 */
export class SpareKeys {
  private readonly deps: SpareKeysDeps;
  private readonly spares: CustomerKey[] = [];
  /** whether keys on this machine may have to be stored */
  private mayHaveToStore = true;
  /** whether spare keys are kept ready: only in processes that keep running */
  private isKeeping = false;
  private isClosed = false;
  private filling: Promise<void> | undefined;

  constructor(deps: SpareKeysDeps) {
    this.deps = deps;
  }

  /** Keeps spare keys ready from now on. */
  keep(): void {
    this.isKeeping = true;
    this.refill();
  }

  /** A spare key; undefined if none is left. */
  take(): CustomerKey | undefined {
    const spare = this.spares.pop();
    if (spare !== undefined) this.refill();
    return spare;
  }

  /** The customer's key that waits on this machine; a new key if none waits. */
  keyOnMachine(customerId: string): WrappedKeyRow {
    const { masterKeys, toStore } = this.deps;
    const { _id: keyId, wrapped } = toWrappedRow(newCustomerKey(), masterKeys());
    const found = toStore.add({ keyId, customerId, wrapped });
    this.mayHaveToStore = true;
    if (this.isKeeping) this.refill();
    return { _id: found.keyId, wrapped: found.wrapped };
  }

  /**
   * Stores a key that waits on this machine, and returns its row; undefined if no such key waits.
   */
  async storeFromMachine(keyId: string): Promise<KeyRow | undefined> {
    const { rows, toStore, ask } = this.deps;
    const waiting = toStore.all().filter((one) => one.keyId === keyId);
    if (waiting.length === 0) return undefined;
    await ask(() => this.store(waiting));
    return (await ask(() => rows.find(keyId))).get(keyId);
  }

  /** Removes the spare keys that were not used. */
  async close(pending: Iterable<Promise<unknown>>): Promise<void> {
    const { rows, ask } = this.deps;
    this.isClosed = true;
    await Promise.all([this.filling, ...pending]);
    const unused = this.spares.splice(0).map(({ keyId }) => keyId);
    if (unused.length === 0) return;
    await ask(() => rows.deleteSpares(unused)).catch(() => undefined);
  }

  private refill(): void {
    const isEnough = this.spares.length > MAX_SPARES / 2 && !this.mayHaveToStore;
    if (this.isClosed || this.filling !== undefined || isEnough) return;
    this.filling = this.fill().finally(() => {
      this.filling = undefined;
    });
  }

  private async fill(): Promise<void> {
    const { rows, system, masterKeys, toStore } = this.deps;
    try {
      await rows.ensureIndexes();
      await system.proveMasterKeys();
      this.mayHaveToStore = false;
      await this.store(toStore.all());
      const fresh = Array.from({ length: MAX_SPARES - this.spares.length }, newCustomerKey);
      if (fresh.length === 0) return;
      await rows.insertSpares(fresh.map((key) => toWrappedRow(key, masterKeys())));
      this.spares.push(...fresh);
    } catch {
      this.mayHaveToStore = true;
      // This is tried again later. The failure is not reported, because a caller that finds no
      // spare key gets a new key.
      if (!this.isClosed)
        void setTimeout(REFILL_AGAIN_MS, undefined, { ref: false }).then(() => this.refill());
    }
  }

  /** Stores the keys that wait on this machine. */
  private async store(keys: readonly KeyToStore[]): Promise<void> {
    for (const one of keys) {
      await this.deps.rows.store(one.keyId, one.customerId, one.wrapped);
      this.deps.toStore.remove(one);
    }
  }
}
