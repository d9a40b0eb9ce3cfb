/* Bundles the page, `src/web`, for browsers. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { withPlainRoot } from './plain-root.mjs';

/** Browsers of 2024, which have `light-dark()`. */
const target = ['chrome123', 'firefox125', 'safari17.5'];

/** @param {string} outDir absolute path of the folder that gets the page */
export async function bundlePage(outDir) {
  await withPlainRoot(async (checkout, isLink) => {
    await build({
      root: join(checkout, 'src', 'web'),
      configFile: false,
      logLevel: 'warn',
      resolve: { preserveSymlinks: isLink },
      build: { outDir, emptyOutDir: false, target, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
    });
  });
  compress(join(outDir, 'assets'));
}

/**
 * Puts a compressed copy beside each file, so that no request has to compress it.
 *
 * @param {string} folder
 */
function compress(folder) {
  for (const name of readdirSync(folder)) {
    writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(join(folder, name)), { level: 9 }));
  }
}
