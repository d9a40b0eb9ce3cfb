import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../../src/bootstrap/folders.mjs';

/**
 * Calls `work` with a path to the checkout that has no characters with a meaning for bundlers. If
 * the checkout's own path has such characters, this is the path of a symbolic link, which must not
 * be resolved.
 *
 * @param {(checkout: string, isLink: boolean) => Promise<void>} work
 */
export async function withPlainRoot(work) {
  if (isPlain(root)) return await work(root, false);
  const folder = mkdtempSync(join(tmpdir(), 'orders-bundle-'));
  try {
    if (!isPlain(folder))
      throw new Error(`TMPDIR=${tmpdir()} cannot be used: expected a path without !, # and ?.`);
    const link = join(folder, 'checkout');
    symlinkSync(resolve(root), link);
    await work(link, true);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} path */
function isPlain(path) {
  return !/[!#?]/.test(path);
}
