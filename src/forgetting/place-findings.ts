import type { FoundKey, KeyStore } from '../access/persons/key-store.js';
import { collectPersons, noPersons, type Persons } from './persons-in.js';

/** What is known of a key. The key itself is not kept. */
type KeyState = Extract<FoundKey, string> | 'readable';

/** The personal values that one place has. */
export class PlaceFindings {
  private added = 0;
  /** number of values by what became of their key */
  private readonly unreadable = { destroyed: 0, unknown: 0 };
  /** ids of orders that have values in plain text */
  readonly plain = new Set<string>();
  /** ids of orders that have values under a key that is not destroyed */
  readonly readable = new Set<string>();
  private readonly keyStore: KeyStore;
  private readonly known = new Map<string, KeyState>();

  constructor(keyStore: KeyStore) {
    this.keyStore = keyStore;
  }

  /** number of values that were added */
  get count(): number {
    return this.added;
  }

  async add(orderId: string, value: unknown): Promise<void> {
    const found: Persons = noPersons();
    collectPersons(found, value);
    this.added += 1;
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
    const found = await this.keyStore.opening(keyId);
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
