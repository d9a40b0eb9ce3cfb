import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
/** Folder for downloaded programs, unfinished builds, compiled code and lock files. */
export const cacheDir = join(root, '.cache');
/** Folder of the build. */
export const dist = join(root, 'dist');
