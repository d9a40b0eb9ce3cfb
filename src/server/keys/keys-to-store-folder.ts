import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KeptKey, KeptKeys } from '../../access/persons/kept-keys.js';
import { codeOf, createFile, isObject, readJson } from '../embedded/files.js';

/**
 * Keeps keys in a folder, one file for each customer.
 *
 * @param folder is made when the first key is kept
 */
export function keptKeys(folder: string): KeptKeys {
  const pathOf = ({ customerId }: KeptKey) =>
    join(folder, `${createHash('sha256').update(customerId).digest('hex')}.json`);

  return {
    keep(made) {
      const path = pathOf(made);
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (createFile(path, JSON.stringify(made))) return made;
      return readJson(isKeptKey, path) ?? made;
    },
    all() {
      try {
        const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
        return names.flatMap((name) => readJson(isKeptKey, join(folder, name)) ?? []);
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

function isKeptKey(content: unknown): content is KeptKey {
  return (
    isObject(content) && ['keyId', 'customerId', 'wrapped'].every((name) => typeof content[name] === 'string')
  );
}
