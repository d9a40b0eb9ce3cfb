/*
 * The function `bundleWorkflows` runs this file as `workflows-process.mjs <workflows> <out>`. All
 * paths start with the path by which this file was reached, which may be a symbolic link.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { root } from '../../src/bootstrap/folders.mjs';
import { fail } from '../../src/bootstrap/processes.mjs';

const [workflows = '', out = ''] = process.argv.slice(2);
const symlinks = !process.execArgv.includes('--preserve-symlinks');
const workflowsPath = join(root, workflows);
const { code } = await bundleWorkflowCode({
  workflowsPath,
  // These modules are loaded once and frozen, not once for each workflow. None of them has state of
  // its own.
  preloadModules: [join(root, 'workers', 'bundles', 'short-stacks.mjs'), workflowsPath],
  logger: new DefaultLogger('WARN'),
  webpackConfigHook: (config) => ({
    ...config,
    context: root,
    resolve: { ...config.resolve, symlinks },
    resolveLoader: { ...config.resolveLoader, symlinks },
  }),
}).catch(fail);
writeFileSync(out, code);
