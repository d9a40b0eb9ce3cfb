import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KeysToStore, KeyToStore } from '../../sealing/key-store/keys-to-store.js';
import { codeOf, createFile, isObject, readJson } from '../embedded/files.js';

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
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (createFile(path, JSON.stringify(made))) return made;
      return readJson(isKeyToStore, path) ?? made;
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
      rmSync(pathOf(key), { force: true });
    },
  };
}

function isKeyToStore(content: unknown): content is KeyToStore {
  return (
    isObject(content) && ['keyId', 'customerId', 'wrapped'].every((name) => typeof content[name] === 'string')
  );
}
