/** Compiles `src` and `workers` to `dist`, with the workflows as one bundle beside them. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { cacheDir, dist, fail, hashOfSources, root, run, SOURCES } from './bootstrap.mjs';

await build().catch(fail);

/** Made aside and put in place as a whole, so that no process finds half a build. */
async function build() {
  const made = join(cacheDir, 'build');
  rmSync(made, { recursive: true, force: true });
  const sources = hashOfSources();
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const [{ code }] = await Promise.all([
    bundleWorkflowCode({
      workflowsPath: join(root, 'src', 'workflows', 'index.ts'),
      logger: new DefaultLogger('WARN'),
    }),
    run(tsc, ['--project', 'workers/tsconfig.json', '--outDir', made]),
  ]);
  writeFileSync(join(made, 'workflow-bundle.js'), code);
  writeFileSync(join(made, SOURCES), sources);
  rmSync(dist, { recursive: true, force: true });
  renameSync(made, dist);
}
