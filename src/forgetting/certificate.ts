import { createPublicKey, type JsonWebKey, type KeyObject, sign, verify } from 'node:crypto';

/** A location that held the customer's values, and how it was checked. */
export interface CheckedLocation {
  /** the name of the location */
  readonly place: string;
  /** what it holds now, in words */
  readonly finding: string;
  /** how it was checked */
  readonly checked: string;
  /** number of items checked, such as events */
  readonly count: number;
}

/** Data that a forgetting cannot reach. */
export interface NotReached {
  readonly what: string;
  readonly why: string;
  /** ids of the orders that have the data; absent if it belongs to no order */
  readonly orders?: readonly string[];
}

/**
 * Certifies that a customer was forgotten: who asked for it, and how every location was checked.
 */
export interface Certificate {
  readonly forgettingId: string;
  readonly customerId: string;
  readonly reason: string;
  readonly lawfulBasis?: string;
  /** who asked for it */
  readonly actor: string;
  /** for whom the actor asked; absent if the actor asked for itself */
  readonly onBehalfOf?: string;
  /** ISO-8601 UTC */
  readonly requestedAt: string;
  /** ISO-8601 UTC */
  readonly forgottenAt: string;
  /** ids of the destroyed keys */
  readonly keys: readonly string[];
  /** number of orders whose personal data is forgotten */
  readonly orders: number;
  readonly places: readonly CheckedLocation[];
  readonly notReached: readonly NotReached[];
}

/** A certificate, and the same as a JWS, which can be checked with the public key. */
export interface SignedCertificate {
  readonly certificate: Certificate;
  /** compact JWS (RFC 7515, RFC 8037) whose payload is the certificate */
  readonly jws: string;
  /** the public key as a JWK; the reader compares it with the one that was published before */
  readonly publicKey: JsonWebKey;
}

const header = base64url(JSON.stringify({ alg: 'EdDSA', typ: 'person-forgotten+json' }));

/** @param key an Ed25519 private key */
export function signCertificate(certificate: Certificate, key: KeyObject): SignedCertificate {
  const signed = `${header}.${base64url(JSON.stringify(certificate))}`;
  const signature = sign(null, Buffer.from(signed), key).toString('base64url');
  return {
    certificate,
    jws: `${signed}.${signature}`,
    publicKey: createPublicKey(key).export({ format: 'jwk' }),
  };
}

/** The certificate in a JWS; undefined if it was not signed with this key. */
export function openCertificate(jws: string, publicKey: JsonWebKey): Certificate | undefined {
  const [head = '', payload = '', signature = ''] = jws.split('.');
  const key = createPublicKey({ key: publicKey, format: 'jwk' });
  const isSigned =
    head === header &&
    verify(null, Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url'));
  return isSigned ? (JSON.parse(Buffer.from(payload, 'base64url').toString()) as Certificate) : undefined;
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
