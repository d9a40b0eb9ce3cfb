/*
 * Compiles `src` and `workers` to `dist`, and bundles the workflows, the page and the main module
 * there.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, dist, root } from '../src/bootstrap/folders.mjs';
import { fail, run } from '../src/bootstrap/processes.mjs';
import { hashOfSources, SOURCES } from '../src/bootstrap/sources.mjs';
import { bundle } from './bundles/workflows.mjs';
import { bundleMain } from './bundles/main.mjs';
import { buildPage } from './bundles/page.mjs';

await build().catch(fail);

/**
 * Builds in another folder, which then replaces `dist` as a whole, so that no process sees a
 * partial build.
 */
async function build() {
  const made = join(cacheDir, 'build');
  rmSync(made, { recursive: true, force: true });
  const sources = hashOfSources();
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  mkdirSync(made, { recursive: true });
  await Promise.all([
    bundle(join('src', 'workflows.ts'), join(made, 'workflow-bundle.js')),
    run(tsc, ['--project', 'workers/tsconfig.json', '--outDir', made]),
    buildPage(join(made, 'web')),
  ]);
  await bundleMain(join(made, 'workers'));
  writeFileSync(join(made, SOURCES), sources);
  rmSync(dist, { recursive: true, force: true });
  renameSync(made, dist);
}
