import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/**
 * The master keys, which wrap all other keys of the key store. Several may be in use during a
 * rotation: the first wraps, all unwrap.
 */
export interface MasterKeys {
  readonly first: MasterKey;
  readonly byId: ReadonlyMap<string, MasterKey>;
}

interface MasterKey {
  /** the beginning of the key's SHA-256, which is stored with everything that the key wraps */
  readonly id: string;
  readonly key: Buffer;
}

/** This process was not given the master key that wraps a key. */
export class MasterKeyMissing extends Error {
  override readonly name = 'MasterKeyMissing';
}

const MASTER_KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A new master key, as a line of `MASTER_KEY_FILE`. */
export function newMasterKey(): string {
  return randomBytes(MASTER_KEY_BYTES).toString('base64');
}

/**
 * The master keys of a file: one a line, 32 bytes in base64. Empty lines, and lines that begin with
 * `#`, are ignored.
 *
 * @returns undefined if a line is not such a key, or the file has no key
 */
export function readMasterKeys(file: string): MasterKeys | undefined {
  const lines = file
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const keys = lines.map((line) => Buffer.from(line, 'base64'));
  if (!keys.every((key, index) => isCanonical(key, lines[index] ?? ''))) return undefined;
  const masters = keys.map((key) => ({ id: idOf(key), key }));
  const [first] = masters;
  return first && { first, byId: new Map(masters.map((master) => [master.id, master])) };
}

function isCanonical(key: Buffer, line: string): boolean {
  return key.length === MASTER_KEY_BYTES && key.toString('base64') === line;
}

function idOf(key: Buffer): string {
  return createHash('sha256').update('master key').update(key).digest('hex').slice(0, 16);
}

/** A key as it is stored: `<id of the master key>:<nonce, ciphertext and tag in base64url>`. */
export function wrap({ first }: MasterKeys, name: string, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', first.key, nonce).setAAD(Buffer.from(name));
  const bytes = Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
  return `${first.id}:${bytes.toString('base64url')}`;
}

/**
 * The key that was wrapped under this name.
 *
 * @throws MasterKeyMissing if this process lacks the master key; Error if the text was changed
 */
export function unwrap({ byId }: MasterKeys, name: string, wrapped: string): Buffer {
  const [id = '', sealed = ''] = wrapped.split(':', 2);
  const master = byId.get(id);
  if (master === undefined)
    throw new MasterKeyMissing(
      `MASTER_KEY_FILE lacks the master key ${id}, which wraps the key ${name}. All processes of a system need the same: set MASTER_KEY_FILE, or the same DATA_DIR.`,
    );
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', master.key, bytes.subarray(0, NONCE_BYTES))
    .setAAD(Buffer.from(name))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}

/** Whether the first master key wraps the key. */
export function isWrappedByFirst({ first }: MasterKeys, wrapped: string): boolean {
  return wrapped.startsWith(`${first.id}:`);
}
