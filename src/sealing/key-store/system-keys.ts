import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { Collection, Db } from 'mongodb';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { BoundedQuery } from './bounded-query.js';
import { type MasterKeys, unwrap, wrap } from './master-keys.js';

/** A key of the system, which is for search hashes or for certificates. */
interface SystemKeyRow {
  readonly _id: 'search' | 'certificates';
  readonly wrapped: string;
}

export const systemKeyRows = (db: Db): Collection<SystemKeyRow> => db.collection<SystemKeyRow>('system_keys');

/**
 * The keys of the system. The first process that needs a key makes it. A process reads each key
 * once.
 */
export class SystemKeys {
  private readonly rows: Collection<SystemKeyRow>;
  private readonly masterKeys: () => MasterKeys;
  private readonly ask: BoundedQuery;
  private readonly reading = new Map<SystemKeyRow['_id'], Promise<Buffer>>();

  constructor(db: Db, masterKeys: () => MasterKeys, ask: BoundedQuery) {
    this.rows = systemKeyRows(db);
    this.masterKeys = masterKeys;
    this.ask = ask;
  }

  /**
   * Proves that this process has the store's master keys, by reading a key that they wrap. A
   * process with other master keys would create keys that the rest of the system cannot unwrap.
   *
   * @throws MasterKeyMissing if this process has other master keys
   */
  async proveMasterKeys(): Promise<void> {
    await this.searchKey();
  }

  /** The key of the hashes by which sealed values are searched. */
  searchKey(): Promise<Buffer> {
    return this.key('search', () => randomBytes(32));
  }

  /** The Ed25519 key that signs certificates. */
  async signingKey(): Promise<KeyObject> {
    const der = await this.key('certificates', () =>
      generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
    );
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  }

  /** See `KeyStore.identity`. */
  async identity(): Promise<string> {
    const found = await this.ask(() => this.rows.findOne({ _id: 'search' }, committed));
    if (found === null) return 'empty';
    return createHmac('sha256', await this.searchKey())
      .update('key store')
      .digest('hex')
      .slice(0, 16);
  }

  private key(name: SystemKeyRow['_id'], make: () => Buffer): Promise<Buffer> {
    let reading = this.reading.get(name);
    if (reading === undefined) {
      reading = this.ask(() => this.read(name, make)).catch((error: unknown) => {
        this.reading.delete(name);
        throw error;
      });
      this.reading.set(name, reading);
    }
    return reading;
  }

  private async read(name: SystemKeyRow['_id'], make: () => Buffer): Promise<Buffer> {
    const found = await this.rows.findOne({ _id: name }, committed);
    if (found !== null) return unwrap(this.masterKeys(), name, found.wrapped);
    try {
      await this.rows.insertOne({ _id: name, wrapped: wrap(this.masterKeys(), name, make()) }, durable);
    } catch (error) {
      // Another process has inserted the key first.
      if (!isDuplicateKey(error)) throw error;
    }
    return await this.read(name, make);
  }
}
