import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Ask } from './ask.js';
import type { KeptKey, KeptKeys } from './kept-keys.js';
import type { KeyRow, KeyRows, WrappedKeyRow } from './key-rows.js';
import { type MasterKeys, wrap } from './master-keys.js';
import type { CustomerKey } from './sealing.js';
import type { SystemKeys } from './system-keys.js';

const SPARES = 200;
const REFILL_AGAIN_MS = 1_000;

export function newKey(): CustomerKey {
  return { keyId: randomBytes(9).toString('base64url'), key: randomBytes(32) };
}

export function wrapped({ keyId, key }: CustomerKey, masterKeys: MasterKeys): WrappedKeyRow {
  return { _id: keyId, wrapped: wrap(masterKeys, keyId, key) };
}

export interface SpareKeysDeps {
  readonly rows: KeyRows;
  readonly system: SystemKeys;
  readonly masterKeys: () => MasterKeys;
  readonly kept: KeptKeys;
  readonly ask: Ask;
}

/**
 * What new customers get while the store is away: a spare key, which is in the store and no
 * customer's yet; or, if none is left, one that waits on this machine for the store.
 */
export class SpareKeys {
  private readonly deps: SpareKeysDeps;
  private readonly spares: CustomerKey[] = [];
  /** keys may wait on this machine for the store */
  private hasKept = true;
  /** spare keys are wanted: this process seals for long */
  private isKeeping = false;
  private isClosed = false;
  private filling: Promise<void> | undefined;

  constructor(deps: SpareKeysDeps) {
    this.deps = deps;
  }

  /** Keeps spare keys from now on. */
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

  /** The customer's key that waits on this machine; a new one if it has none. */
  keepOnMachine(customerId: string): WrappedKeyRow {
    const { masterKeys, kept } = this.deps;
    const key = newKey();
    const made = { keyId: key.keyId, customerId, wrapped: wrap(masterKeys(), key.keyId, key.key) };
    const found = kept.keep(made);
    this.hasKept = true;
    if (this.isKeeping) this.refill();
    return { _id: found.keyId, wrapped: found.wrapped };
  }

  /** The row of a key that waited on this machine until now; undefined if it did not. */
  async storedFromMachine(keyId: string): Promise<KeyRow | undefined> {
    const { rows, kept, ask } = this.deps;
    const waiting = kept.all().filter((one) => one.keyId === keyId);
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
    const isEnough = this.spares.length > SPARES / 2 && !this.hasKept;
    if (this.isClosed || this.filling !== undefined || isEnough) return;
    this.filling = this.fill().finally(() => {
      this.filling = undefined;
    });
  }

  private async fill(): Promise<void> {
    const { rows, system, masterKeys, kept } = this.deps;
    try {
      await rows.ensureIndexes();
      await system.search();
      this.hasKept = false;
      await this.store(kept.all());
      const fresh = Array.from({ length: SPARES - this.spares.length }, newKey);
      if (fresh.length === 0) return;
      await rows.insertSpares(fresh.map((key) => wrapped(key, masterKeys())));
      this.spares.push(...fresh);
    } catch {
      this.hasKept = true;
      // Nothing depends on spare keys while the store answers.
      if (!this.isClosed)
        void setTimeout(REFILL_AGAIN_MS, undefined, { ref: false }).then(() => this.refill());
    }
  }

  /** Brings keys that wait on this machine into the store. */
  private async store(keys: readonly KeptKey[]): Promise<void> {
    for (const one of keys) {
      await this.deps.rows.store(one.keyId, one.customerId, one.wrapped);
      this.deps.kept.remove(one);
    }
  }
}
