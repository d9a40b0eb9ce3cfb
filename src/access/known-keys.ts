import type { Db } from 'mongodb';
import { createBatcher } from '../concurrency/batcher.js';
import { isMongoOutage } from '../outages/mongo-outage.js';
import { withTimeout } from '../outages/timeout.js';
import { hasHash, apiKeyIdIn } from './key-format.js';
import { apiKeys, KEY_QUERY_MS, type KeyDocument } from './api-keys.js';
import type { Principal } from './principal.js';
import { AccessUnavailable, NotAuthenticated } from './authentication-errors.js';
import { scopesIn } from './scopes.js';

/** This process's cache of the API keys in MongoDB. */
export interface KnownKeys {
  /**
   * The client that has the key.
   *
   * @throws NotAuthenticated if the key is unknown, revoked or expired
   * @throws AccessUnavailable if MongoDB is unavailable, and this process has not read the key
   *   recently; or if too many unknown keys are being read
   */
  check(key: string): Promise<Principal>;
}

export interface KnownKeysOptions {
  /**
   * a key whose last read is longer ago than this is read again in the background, and the request
   * does not wait; 1 s by default
   */
  readonly freshMs?: number;
  /**
   * if the last read of its key is longer ago than this, a request waits until the key is read
   * again, unless MongoDB is unavailable; so a revocation takes effect within this time; 3 s by
   * default
   */
  readonly staleMs?: number;
  /**
   * while MongoDB is unavailable, a key is used until this time after its last read; 15 min by
   * default
   */
  readonly keptMs?: number;
}

/** A limit, so that guessed keys do not use up the connections to MongoDB. */
const READ_BATCHES = { size: 100, concurrency: 2 };
/** Maximum number of unknown keys that are being read; further ones are refused meanwhile. */
const MAX_READING = 1_000;

/** Minimum time between two writes of a key's last use. */
const WRITE_USE_EVERY_MS = 60_000;

interface Entry {
  readonly document: KeyDocument;
  readonly principal: Principal;
  readAt: number;
  usedAt: number;
}

export function createKnownKeys(db: Db, options: KnownKeysOptions = {}): KnownKeys {
  const { freshMs = 1_000, staleMs = 3_000, keptMs = 15 * 60_000 } = options;
  /** Has only keys that exist, so it is no larger than the collection. */
  const entries = new Map<string, Entry>();
  const reading = new Map<string, Promise<Entry | undefined>>();
  /**
   * Whether MongoDB was unavailable at the last read. If so, known keys do not wait for the next
   * read.
   */
  let isMongoDown = false;

  const findKeys = createBatcher(READ_BATCHES, async (keyIds: readonly string[]) => {
    const query = apiKeys(db).find({ _id: { $in: keyIds } }, { maxTimeMS: KEY_QUERY_MS });
    const found = await withTimeout(KEY_QUERY_MS, query.toArray());
    return new Map(found.map((document) => [document['_id'], document]));
  });

  async function read(keyId: string): Promise<Entry | undefined> {
    try {
      const document = (await withTimeout(KEY_QUERY_MS, findKeys(keyId))).get(keyId);
      isMongoDown = false;
      if (document === undefined) {
        entries.delete(keyId);
        return undefined;
      }
      const { usedAt = Number.NEGATIVE_INFINITY } = entries.get(keyId) ?? {};
      const entry = { document, principal: principalOf(document), readAt: performance.now(), usedAt };
      entries.set(keyId, entry);
      return entry;
    } catch (error) {
      isMongoDown = isMongoOutage(error);
      throw error;
    }
  }

  /** Concurrent requests with the same key share one read. */
  function readOnce(keyId: string): Promise<Entry | undefined> {
    const known = reading.get(keyId);
    if (known !== undefined) return known;
    const started = read(keyId).finally(() => reading.delete(keyId));
    reading.set(keyId, started);
    return started;
  }

  async function find(keyId: string): Promise<Entry | undefined> {
    const entry = entries.get(keyId);
    const age = entry === undefined ? Number.POSITIVE_INFINITY : performance.now() - entry.readAt;
    if (age < freshMs) return entry;
    if (entry === undefined && !reading.has(keyId) && reading.size >= MAX_READING)
      throw new AccessUnavailable('Too many unknown keys are being looked up. Try again soon.');
    const asked = readOnce(keyId);
    if (age < staleMs || (isMongoDown && age < keptMs)) {
      // If this read fails, the entry stays in use until it is too old.
      asked.catch(() => undefined);
      return entry;
    }
    try {
      return await asked;
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
      if (age < keptMs) return entry;
      throw new AccessUnavailable('MongoDB, which has the keys, cannot be reached. Try again soon.');
    }
  }

  /**
   * Writes the time of the last use in the background. It is for display only, so a failed write is
   * ignored.
   */
  function writeUse(keyId: string, entry: Entry): void {
    const now = performance.now();
    if (now - entry.usedAt < WRITE_USE_EVERY_MS) return;
    entry.usedAt = now;
    apiKeys(db)
      .updateOne({ _id: keyId }, { $max: { lastUsedAt: new Date() } })
      .catch(() => undefined);
  }

  return {
    async check(key) {
      const keyId = apiKeyIdIn(key);
      const entry = keyId === undefined ? undefined : await find(keyId);
      const isKnown = entry !== undefined && hasHash(key, entry.document.hash.value());
      if (keyId === undefined || !isKnown)
        throw new NotAuthenticated(
          'invalid_key',
          'There is no such API key. `npx orders keys list` lists all.',
        );
      const { revokedAt, expiresAt } = entry.document;
      if (revokedAt)
        throw new NotAuthenticated('invalid_key', `The API key ${keyId} is revoked. Use another.`);
      if (expiresAt && expiresAt.getTime() <= Date.now())
        throw new NotAuthenticated('invalid_key', `The API key ${keyId} has expired. Use another.`);
      writeUse(keyId, entry);
      return entry.principal;
    },
  };
}

function principalOf({ client, scopes: given }: KeyDocument): Principal {
  const name = `key:${client}`;
  return { actor: name, issuer: name, scopes: scopesIn(given) };
}
