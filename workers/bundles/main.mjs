/* Bundles what `workers/main.ts` loads. */
import { join } from 'node:path';
import { build } from 'vite';
import { withPlainRoot } from './plain-root.mjs';

/**
 * Packages with hundreds of small files. The bundle includes these, and imports all other packages.
 */
const bundled = ['typebox', 'jose'];

/**
 * Replaces `main.js` by a bundle: a few files load in half the time of a thousand small ones.
 *
 * @param {string} outDir absolute path of the folder with the compiled `workers`
 */
export async function bundleMain(outDir) {
  await withPlainRoot(async (checkout, isLink) => {
    await build({
      root: checkout,
      configFile: false,
      logLevel: 'warn',
      publicDir: false,
      resolve: { preserveSymlinks: isLink },
      ssr: { noExternal: bundled },
      build: {
        ssr: true,
        outDir,
        emptyOutDir: false,
        target: 'node20',
        minify: false,
        sourcemap: true,
        rolldownOptions: {
          input: {
            main: join(checkout, 'workers', 'main.ts'),
            // This file runs as a separate process. The module that starts it expects it in the
            // same folder.
            download: join(checkout, 'src', 'server', 'embedded', 'download.ts'),
            // This file runs as a thread. The module that starts it also expects it in the same
            // folder.
            'liveness-thread': join(checkout, 'src', 'server', 'health', 'liveness-thread.ts'),
          },
          // All files are in one folder, so a path relative to one file's URL is valid in every
          // file.
          output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
        },
      },
    });
  });
}
