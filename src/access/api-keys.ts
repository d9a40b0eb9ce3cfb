import { Binary, type Collection, type Db } from 'mongodb';
import { createKey } from './key-format.js';
import type { Scope } from './scopes.js';

/** An API key, as it is stored. All keys with the same `client` belong to one client. */
export interface KeyDocument {
  /** the id in the key */
  readonly _id: string;
  /** name of the client: `key:<client>` is the actor of its commands */
  readonly client: string;
  /** SHA-256 of the key */
  readonly hash: Binary;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  /** each process writes it once a minute at most */
  readonly lastUsedAt?: Date;
}

export const keyStatuses = ['active', 'expired', 'revoked'] as const;

/** A key without its hash, for display. Times are ISO-8601 UTC. */
export interface KeySummary {
  readonly keyId: string;
  readonly client: string;
  readonly scopes: readonly Scope[];
  readonly status: (typeof keyStatuses)[number];
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
  readonly lastUsedAt?: string;
}

export interface KeyRequest {
  readonly client: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: Date;
}

/** How long MongoDB may take for an answer. */
export const KEY_QUERY_MS = 2_000;

export function apiKeys(db: Db): Collection<KeyDocument> {
  return db.collection<KeyDocument>('api_keys');
}

/**
 * Creates a key for a client. The client's other keys stay valid, so a key can be replaced without
 * an outage: create, deploy, revoke the old one.
 *
 * @returns the summary and the key itself, which cannot be read again later
 */
export async function addKey(
  db: Db,
  { client, scopes, expiresAt }: KeyRequest,
): Promise<KeySummary & { readonly key: string }> {
  const { keyId, key, hash } = createKey();
  const document: KeyDocument = {
    _id: keyId,
    client,
    hash: new Binary(hash),
    scopes: [...new Set(scopes)],
    createdAt: new Date(),
    ...(expiresAt && { expiresAt }),
  };
  await apiKeys(db).insertOne(document);
  return { key, ...summaryOf(document) };
}

/** All keys, by client and age. */
export async function listKeys(db: Db): Promise<readonly KeySummary[]> {
  const found = await apiKeys(db)
    .find({}, { maxTimeMS: KEY_QUERY_MS })
    .sort({ client: 1, createdAt: 1, _id: 1 })
    .toArray();
  return found.map(summaryOf);
}

/** Revokes a key for good. Returns undefined if there is no key with this id. */
export async function revokeKey(db: Db, keyId: string): Promise<KeySummary | undefined> {
  const keys = apiKeys(db);
  await keys.updateOne({ _id: keyId, revokedAt: { $exists: false } }, { $set: { revokedAt: new Date() } });
  const found = await keys.findOne({ _id: keyId }, { maxTimeMS: KEY_QUERY_MS });
  return found === null ? undefined : summaryOf(found);
}

function summaryOf({ _id: keyId, client, scopes, ...times }: KeyDocument): KeySummary {
  const { createdAt, expiresAt, revokedAt, lastUsedAt } = times;
  return {
    keyId,
    client,
    scopes,
    status: revokedAt ? 'revoked' : expiresAt && expiresAt <= new Date() ? 'expired' : 'active',
    createdAt: createdAt.toISOString(),
    ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
    ...(revokedAt && { revokedAt: revokedAt.toISOString() }),
    ...(lastUsedAt && { lastUsedAt: lastUsedAt.toISOString() }),
  };
}
