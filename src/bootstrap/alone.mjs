import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { notWritable } from './files.mjs';
import { cacheDir } from './folders.mjs';
import { withLockFile } from './lock-file.mjs';

/**
 * Runs `work` while no other process runs the work of this name in this checkout.
 *
 * @param {'prepare' | 'build'} name each name has its own lock, because `prepare` runs `build` in a
 *   child process
 * @param {() => Promise<void>} work
 */
export async function alone(name, work) {
  try {
    mkdirSync(cacheDir, { recursive: true });
  } catch (error) {
    throw notWritable(cacheDir, error);
  }
  await withLockFile(join(cacheDir, `${name}.lock`), work, (line) => process.stdout.write(`${line}\n`));
}
