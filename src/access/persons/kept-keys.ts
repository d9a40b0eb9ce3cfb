import { createHash } from 'node:crypto';
import {
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/** A wrapped key that the key store does not have yet. */
export interface KeptKey {
  readonly keyId: string;
  readonly customerId: string;
  /** see `wrap` */
  readonly wrapped: string;
}

/**
 * Keys that were made while the key store was away, and no spare one was left: by a process that
 * has not reached it since its start. They are on this machine's disk until a process on it reaches
 * the store. One customer has one, whichever processes ask.
 */
export interface KeptKeys {
  /** The customer's key, which is `made` if it has none yet. It is on the disk when this returns. */
  keep(made: KeptKey): KeptKey;
  all(): readonly KeptKey[];
  /** The store has it now. */
  remove(key: KeptKey): void;
}

/** @param folder is made when the first key is kept */
export function keptKeys(folder: string): KeptKeys {
  const pathOf = ({ customerId }: KeptKey) =>
    join(folder, `${createHash('sha256').update(customerId).digest('hex')}.json`);

  function read(path: string): KeptKey | undefined {
    try {
      return JSON.parse(readFileSync(path, 'utf8')) as KeptKey;
    } catch (error) {
      if (isFileError(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  return {
    keep(made) {
      const path = pathOf(made);
      const draft = `${path}.${process.pid}`;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const file = openSync(draft, 'w', 0o600);
      writeSync(file, JSON.stringify(made));
      fsyncSync(file);
      closeSync(file);
      try {
        linkSync(draft, path);
        return made;
      } catch (error) {
        if (!isFileError(error, 'EEXIST')) throw error;
        return read(path) ?? made;
      } finally {
        rmSync(draft, { force: true });
      }
    },
    all() {
      try {
        const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
        return names.flatMap((name) => read(join(folder, name)) ?? []);
      } catch (error) {
        if (isFileError(error, 'ENOENT')) return [];
        throw error;
      }
    },
    remove(key) {
      rmSync(pathOf(key), { force: true });
    },
  };
}

/** Whether an operation on a file failed with this code. */
export function isFileError(error: unknown, code: 'EEXIST' | 'ENOENT'): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
