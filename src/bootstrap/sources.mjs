import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './folders.mjs';

/** File in `dist` with the hash of the sources that it was built from. */
export const HASH_FILE = 'sources.sha256';

/**
 * Hash of everything that the build depends on: contents of files, and their paths in the checkout.
 */
export function hashOfSources() {
  const hash = createHash('sha256');
  for (const folder of ['src', 'workers']) {
    const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    for (const path of files.map((entry) => join(entry.parentPath, entry.name)).sort()) {
      hash.update(`${relative(root, path)}\0`).update(readFileSync(path));
    }
  }
  for (const name of ['tsconfig.json', 'package-lock.json']) hash.update(readFileSync(join(root, name)));
  return hash.digest('hex');
}
