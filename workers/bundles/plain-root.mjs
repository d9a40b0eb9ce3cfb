import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { root } from '../start/checkout.mjs';

/**
 * Calls `work` with a path of the checkout that has no character that is special to bundlers: the
 * checkout's own, or a symbolic link, which must then not be resolved.
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
