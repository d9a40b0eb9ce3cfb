import type { FoundKey, KeyStore } from '../sealing/key-store/key-store.js';
import { countPersonalValues, noPersonalValues, type PersonalValues } from './personal-values.js';

/** What is known about a key. The key itself is not kept. */
type KeyState = Extract<FoundKey, string> | 'readable';

/** The personal values that were found in one location. */
export class FoundValues {
  /** number of events or payloads that were searched */
  searched = 0;
  /** number of unreadable personal values, by the state of their key */
  private readonly unreadable = { destroyed: 0, unknown: 0 };
  /** ids of orders that have values in plain text */
  readonly plain = new Set<string>();
  /** ids of orders that have values under a key that the key store still has */
  readonly readable = new Set<string>();
  private readonly keyStore: KeyStore;
  private readonly known = new Map<string, KeyState>();

  constructor(keyStore: KeyStore) {
    this.keyStore = keyStore;
  }

  /** @param data an event's data, or a payload */
  async search(orderId: string, data: unknown): Promise<void> {
    const found: PersonalValues = noPersonalValues();
    countPersonalValues(found, data);
    this.searched += 1;
    if (found.plain > 0) this.plain.add(orderId);
    for (const [keyId, count] of found.sealed) {
      const state = await this.stateOf(keyId);
      if (state === 'readable') this.readable.add(orderId);
      else this.unreadable[state] += count;
    }
  }

  private async stateOf(keyId: string): Promise<KeyState> {
    const known = this.known.get(keyId);
    if (known !== undefined) return known;
    const found = await this.keyStore.openingKey(keyId);
    const state = typeof found === 'string' ? found : 'readable';
    this.known.set(keyId, state);
    return state;
  }

  finding(): string {
    const { destroyed, unknown } = this.unreadable;
    const lost = unknown === 0 ? '' : `; ${unknown} are sealed under keys that the store does not have`;
    const sealed = `${destroyed} values are sealed under destroyed keys${lost}`;
    const plain = this.plain.size === 0 ? '' : `; ${this.plain.size} orders have values in plain text`;
    return `${sealed}${plain}`;
  }
}
