import { readFileSync } from 'node:fs';

/** The text of a file; undefined if it cannot be read. @param {string} path */
export function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** An error in one line, for people. @param {string} path @param {unknown} error */
export function notWritable(path, error) {
  return new Error(
    `${path} cannot be written (${codeOf(error) ?? String(error)}): make the checkout writable for this user, or run ` +
      '`npm start` once as a user who may write there.',
  );
}

/**
 * The code of a file system error, such as `EEXIST`.
 *
 * @param {unknown} error
 * @returns {string | undefined}
 */
export function codeOf(error) {
  return typeof error === 'object' && error && 'code' in error ? String(error.code) : undefined;
}
