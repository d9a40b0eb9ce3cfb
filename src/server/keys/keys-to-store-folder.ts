import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KeysToStore, KeyToStore } from '../../sealing/key-store/keys-to-store.js';
import { codeOf, createFile, createFolder, isObject, readJson } from '../embedded/files.js';

/**
 * The keys to store in a folder, one file for each customer.
 *
 * @param folder is created when the first key is added
 */
export function keysToStoreIn(folder: string): KeysToStore {
  const pathOf = ({ customerId }: KeyToStore) =>
    join(folder, `${createHash('sha256').update(customerId).digest('hex')}.json`);

  return {
    add(made) {
      const path = pathOf(made);
      createFolder(folder);
      for (;;) {
        if (createFile(path, JSON.stringify(made))) return made;
        const found = readJson(isKeyToStore, path, () => failAtDamage(path));
        // If the file is gone, another process has just stored the key that was in it.
        if (found !== undefined) return found;
      }
    },
    all() {
      try {
        const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
        return names.flatMap((name) => readJson(isKeyToStore, join(folder, name)) ?? []);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return [];
        throw error;
      }
    },
    remove(key) {
      const path = pathOf(key);
      if (readJson(isKeyToStore, path)?.keyId === key.keyId) rmSync(path, { force: true });
    },
  };
}

/** `createFile` never leaves a part of a key in a file, so the disk or another program did. */
function failAtDamage(path: string): never {
  throw new Error(
    `${path} is damaged, so the customer’s key in it cannot be read: restore it from a backup, or move it out of this folder.`,
  );
}

function isKeyToStore(content: unknown): content is KeyToStore {
  return (
    isObject(content) && ['keyId', 'customerId', 'wrapped'].every((name) => typeof content[name] === 'string')
  );
}
