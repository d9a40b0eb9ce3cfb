import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { root, run } from './bootstrap.mjs';

/**
 * Bundles the workflows that a file exports. If the checkout's path has a character that is special
 * to webpack, a symbolic link without one is used.
 *
 * @param {string} workflows path of the file in the checkout
 * @param {string} out absolute path of the bundle
 */
export async function bundle(workflows, out) {
  if (isPlain(root)) return await bundleIn(root, [], workflows, out);
  const folder = mkdtempSync(join(tmpdir(), 'orders-bundle-'));
  try {
    if (!isPlain(folder))
      throw new Error(`TMPDIR=${tmpdir()} cannot be used: expected a path without !, # and ?.`);
    const link = join(folder, 'checkout');
    symlinkSync(resolve(root), link);
    await bundleIn(link, ['--preserve-symlinks', '--preserve-symlinks-main'], workflows, out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} path */
function isPlain(path) {
  return !/[!#?]/.test(path);
}

/**
 * @param {string} checkout
 * @param {readonly string[]} flags
 * @param {string} workflows
 * @param {string} out
 */
async function bundleIn(checkout, flags, workflows, out) {
  await run(process.execPath, [...flags, join(checkout, 'workers', 'bundle-process.mjs'), workflows, out]);
}
