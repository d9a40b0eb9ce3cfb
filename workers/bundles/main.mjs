/** Bundles what `workers/main.ts` loads. */
import { join } from 'node:path';
import { build } from 'vite';
import { withPlainRoot } from './plain-root.mjs';

/** Packages with hundreds of small files, which the bundle includes. It imports all others. */
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
            // Runs as a separate process. It is looked for in the folder of the file that starts
            // it.
            download: join(checkout, 'src', 'server', 'embedded', 'download.ts'),
            // Runs as a thread. It is looked for in the same way.
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
