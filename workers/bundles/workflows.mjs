import { join } from 'node:path';
import process from 'node:process';
import { run } from '../../src/bootstrap/processes.mjs';
import { withPlainRoot } from './plain-root.mjs';

/**
 * Bundles the workflows that a file exports.
 *
 * @param {string} workflows path of the file in the checkout
 * @param {string} out absolute path of the bundle
 */
export async function bundleWorkflows(workflows, out) {
  await withPlainRoot(async (checkout, isLink) => {
    const flags = isLink ? ['--preserve-symlinks', '--preserve-symlinks-main'] : [];
    const script = join(checkout, 'workers', 'bundles', 'workflows-process.mjs');
    await run(process.execPath, [...flags, script, workflows, out]);
  });
}
