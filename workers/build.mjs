/*
 * Compiles `src` and `workers` to `dist`, and bundles the workflows, the page and the main module
 * there.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alone } from '../src/bootstrap/alone.mjs';
import { cacheDir, dist, root } from '../src/bootstrap/folders.mjs';
import { fail, run } from '../src/bootstrap/processes.mjs';
import { HASH_FILE, hashOfSources } from '../src/bootstrap/sources.mjs';
import { bundleMain } from './bundles/main.mjs';
import { bundlePage } from './bundles/page.mjs';
import { bundleWorkflows } from './bundles/workflows.mjs';

await alone('build', build).catch(fail);

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
    bundleWorkflows(join('src', 'workflows.ts'), join(made, 'workflow-bundle.js')),
    run(tsc, ['--project', 'workers/tsconfig.json', '--outDir', made]),
    bundlePage(join(made, 'web')),
  ]);
  await bundleMain(join(made, 'workers'));
  writeFileSync(join(made, HASH_FILE), sources);
  replace(dist, made);
}

/**
 * Replaces a folder by two renames, so that it is missing only for a moment.
 *
 * @param {string} folder
 * @param {string} replacement
 */
function replace(folder, replacement) {
  const old = `${replacement}-before`;
  rmSync(old, { recursive: true, force: true });
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(replacement, folder);
  rmSync(old, { recursive: true, force: true });
}
