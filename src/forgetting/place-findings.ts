import type { KeyStore } from '../access/persons/key-store.js';
import { addPersons, noPersons, type Persons } from './persons-in.js';

/** The personal values that one place has. */
export class PlaceFindings {
  private added = 0;
  private unreadable = 0;
  /** ids of orders that have values in plain text */
  readonly plain = new Set<string>();
  /** ids of orders that have values under a key that is not destroyed */
  readonly readable = new Set<string>();
  private readonly keyStore: KeyStore;
  private readonly knownDestroyed = new Map<string, boolean>();

  constructor(keyStore: KeyStore) {
    this.keyStore = keyStore;
  }

  /** number of values that were added */
  get count(): number {
    return this.added;
  }

  async add(orderId: string, value: unknown): Promise<void> {
    const found: Persons = noPersons();
    addPersons(found, value);
    this.added += 1;
    if (found.plain > 0) this.plain.add(orderId);
    for (const [keyId, count] of found.sealed) {
      if (await this.isKeyDestroyed(keyId)) this.unreadable += count;
      else this.readable.add(orderId);
    }
  }

  private async isKeyDestroyed(keyId: string): Promise<boolean> {
    const known = this.knownDestroyed.get(keyId);
    if (known !== undefined) return known;
    const isDestroyed = typeof (await this.keyStore.opening(keyId)) === 'string';
    this.knownDestroyed.set(keyId, isDestroyed);
    return isDestroyed;
  }

  finding(): string {
    const sealed = `${this.unreadable} values are sealed under destroyed keys`;
    const plain = this.plain.size === 0 ? '' : `; ${this.plain.size} orders have values in plain text`;
    return `${sealed}${plain}`;
  }
}
