import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { CustomerKey } from './customer-key.js';

/** Where a value is sealed. A value that was moved elsewhere cannot be opened. */
export interface SealedAt {
  readonly orderId: string;
  /** see `fieldOf` */
  readonly field: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const pattern = /^sealed:1:([A-Za-z0-9_-]{12}):([A-Za-z0-9_-]{38,})$/;

/** Every sealed value begins with this text. */
const SEALED = 'sealed:';

/**
 * Seals a text: `sealed:1:<key id>:<nonce, ciphertext and tag in base64url>`, by AES-256-GCM. The
 * order and the field are authenticated as well. The nonce is the beginning of an HMAC-SHA256 of
 * order, field and text under the customer's key. So equal texts in one field of an order give
 * equal values, and two texts share a nonce only if 96 bits of an HMAC collide.
 */
export function seal({ keyId, key }: CustomerKey, at: SealedAt, text: string): string {
  const { cipherKey, nonceKey } = subkeysOf(key);
  const context = contextOf(at);
  const nonce = createHmac('sha256', nonceKey).update(context).update(text).digest().subarray(0, NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', cipherKey, nonce).setAAD(context);
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${SEALED}1:${keyId}:${sealed.toString('base64url')}`;
}

/** A quick check: false means that the text is not sealed. */
export function mayBeSealed(text: string): boolean {
  return text.startsWith(SEALED);
}

/** The id of the key under which a value is sealed; undefined if the text is not sealed. */
export function keyIdIn(text: string): string | undefined {
  return mayBeSealed(text) ? pattern.exec(text)?.[1] : undefined;
}

export function isSealed(text: string): boolean {
  return keyIdIn(text) !== undefined;
}

/**
 * Opens a sealed value.
 *
 * @throws Error if it is not sealed under this key for this order and field, or was changed
 */
export function open(key: Buffer, at: SealedAt, sealed: string): string {
  const bytes = Buffer.from(pattern.exec(sealed)?.[2] ?? '', 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', subkeysOf(key).cipherKey, bytes.subarray(0, NONCE_BYTES))
    .setAAD(contextOf(at))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
  return Buffer.concat([text, decipher.final()]).toString('utf8');
}

interface Subkeys {
  readonly cipherKey: Buffer;
  readonly nonceKey: Buffer;
}

const derived = new WeakMap<Buffer, Subkeys>();

/** Derives a key for each purpose, so that the output of one reveals nothing about another. */
function subkeysOf(key: Buffer): Subkeys {
  const known = derived.get(key);
  if (known !== undefined) return known;
  const subkey = (purpose: string) => createHmac('sha256', key).update(purpose).digest();
  const subkeys = { cipherKey: subkey('cipher'), nonceKey: subkey('nonce') };
  derived.set(key, subkeys);
  return subkeys;
}

/** An order id and a field have no line break, so no two pairs have the same bytes. */
function contextOf({ orderId, field }: SealedAt): Buffer {
  return Buffer.from(`${orderId}\n${field}\n`);
}
