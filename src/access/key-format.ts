import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/** The beginning of every API key, by which a scanner for leaked secrets recognizes it. */
export const KEY_PREFIX = 'ordk_';

/** A new key, which its client sees only once: `ordk_<id>_<secret>`. Only its hash is stored. */
export interface NewKey {
  readonly keyId: string;
  readonly key: string;
  readonly hash: Buffer;
}

export function createKey(): NewKey {
  const keyId = randomBytes(8).toString('hex');
  const key = `${KEY_PREFIX}${keyId}_${randomBytes(32).toString('base64url')}`;
  return { keyId, key, hash: hashOfKey(key) };
}

/** The id in a key; undefined if the text is not a key. */
export function apiKeyIdIn(key: string): string | undefined {
  return /^ordk_([0-9a-f]{16})_[\w-]{43}$/.exec(key)?.[1];
}

/** SHA-256 is enough: 256 random bits cannot be guessed, so a slow hash would add nothing. */
function hashOfKey(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}

/** Whether the key has this hash, compared in constant time. */
export function hasHash(key: string, expected: Uint8Array): boolean {
  const own = hashOfKey(key);
  return own.length === expected.length && timingSafeEqual(own, expected);
}
