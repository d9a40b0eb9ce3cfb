/** The browser of the tests: on the PATH, or installed by apt. */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const names = ['chromium', 'chromium-browser', 'google-chrome'];
const INSTALL_WITHIN_MS = 300_000;

/**
 * @param {(line: string) => void} report receives a line for what takes time
 * @returns {Promise<string>} its absolute path
 * @throws Error whose one-line message says what to do
 */
export async function findBrowser(report) {
  const found = await whichOf(names);
  if (found !== undefined) return found;
  report('Installing Chromium by apt …');
  try {
    await apt('update', '--quiet');
    await apt('install', '--yes', '--no-install-recommends', 'chromium');
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new Error(
      `The tests of the page need Chromium, and apt could not install it (${first}): install it so that ${names.join(' or ')} is on PATH.`,
      { cause: error },
    );
  }
  const installed = await whichOf(names);
  if (installed === undefined) throw new Error('apt has installed Chromium, but it is not on PATH.');
  return installed;
}

/** @param {readonly string[]} programs @returns {Promise<string | undefined>} */
async function whichOf(programs) {
  for (const program of programs) {
    const found = await run('sh', ['-c', `command -v ${program}`]).catch(() => undefined);
    if (found !== undefined) return found.stdout.trim();
  }
  return undefined;
}

/** @param {readonly string[]} args */
async function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', args, { timeout: INSTALL_WITHIN_MS, env, maxBuffer: 64 * 1024 * 1024 });
}
