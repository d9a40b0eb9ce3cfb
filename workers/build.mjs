/** Compiles `src` and `workers` to `dist`, with the workflows as one bundle beside them. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, dist, fail, hashOfSources, root, run, SOURCES } from './bootstrap.mjs';
import { bundle } from './bundle.mjs';

await build().catch(fail);

/** Made aside and put in place as a whole, so that no process finds half a build. */
async function build() {
  const made = join(cacheDir, 'build');
  rmSync(made, { recursive: true, force: true });
  const sources = hashOfSources();
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  mkdirSync(made, { recursive: true });
  await Promise.all([
    bundle(join('src', 'workflows.ts'), join(made, 'workflow-bundle.js')),
    run(tsc, ['--project', 'workers/tsconfig.json', '--outDir', made]),
  ]);
  writeFileSync(join(made, SOURCES), sources);
  rmSync(dist, { recursive: true, force: true });
  renameSync(made, dist);
}
