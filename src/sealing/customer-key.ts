import { randomBytes } from 'node:crypto';

/** A data key of one customer, under which personal values are sealed. */
export interface CustomerKey {
  readonly keyId: string;
  /** 256 bits */
  readonly key: Buffer;
}

/** Makes a new random key, with an id of its own. */
export function newCustomerKey(): CustomerKey {
  return { keyId: randomBytes(9).toString('base64url'), key: randomBytes(32) };
}
