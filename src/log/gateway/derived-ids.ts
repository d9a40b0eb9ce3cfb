import { createHash } from 'node:crypto';

/** 16 hex digits over `value` as canonical JSON: with sorted keys, without undefined members. */
export function hashOf(value: unknown): string {
  return sha256(canonicalJson(value)).toString('hex').slice(0, 16);
}

/**
 * The id of an entity whose creation command has no id. The same principal and key always give the
 * same id: a UUID of version 8 (RFC 9562: vendor-specific, here SHA-256).
 */
export function derivedId(principal: string, key: string): string {
  const bytes = sha256(`${principal}\n${key}`).subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/**
 * Whether an id has the form of a derived one. No client may choose such an id for a new entity,
 * because another client's key may lead to the same id.
 */
export function looksDerived(id: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
