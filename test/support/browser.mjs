/** The browser of the tests: on the PATH, or installed by apt. */
import { installByApt, whichOf } from './programs.mjs';

const names = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * @param {(line: string) => void} report receives a line for what takes time
 * @returns {Promise<string>} its absolute path
 * @throws Error whose one-line message says what to do
 */
export async function findBrowser(report) {
  const found = await whichOf(names);
  if (found !== undefined) return found;
  report('Installing Chromium by apt …');
  await installByApt(['chromium']).catch((/** @type {Error} */ error) => {
    throw new Error(
      `The tests of the page need Chromium, and apt could not install it (${error.message}): install it so that ${names.join(' or ')} is on PATH.`,
      { cause: error },
    );
  });
  const installed = await whichOf(names);
  if (installed === undefined) throw new Error('apt has installed Chromium, but it is not on PATH.');
  return installed;
}
