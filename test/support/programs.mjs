/** Programs of the machine that tests need: on the PATH, or installed by apt. */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const INSTALL_WITHIN_MS = 300_000;

/**
 * @param {readonly string[]} programs
 * @returns {Promise<string | undefined>} the absolute path of the first program that is installed
 */
export async function whichOf(programs) {
  for (const program of programs) {
    const found = await run('sh', ['-c', `command -v ${program}`]).catch(() => undefined);
    if (found !== undefined) return found.stdout.trim();
  }
  return undefined;
}

/**
 * @param {readonly string[]} packages
 * @throws Error whose message is the first line of apt's
 */
export async function installByApt(packages) {
  try {
    await apt('update', '--quiet');
    await apt('install', '--yes', '--no-install-recommends', ...packages);
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new Error(first, { cause: error });
  }
}

/** @param {readonly string[]} args */
async function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', args, { timeout: INSTALL_WITHIN_MS, env, maxBuffer: 64 * 1024 * 1024 });
}
