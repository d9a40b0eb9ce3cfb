import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

/**
 * Reads a JSON file; undefined if it does not exist, or if a power cut left it empty or truncated.
 * `isOne` checks the shape by hand, because no library is loaded before the servers start.
 *
 * @throws Error if the content has another shape
 */
export function readJson<T>(isOne: (content: unknown) => content is T, path: string): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const content = parsed(text);
  if (content === undefined) return undefined;
  if (!isOne(content)) throw new Error(`${path} was not written by this project: delete it.`);
  return content;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Replaces a file atomically: readers see the old content or the new one. */
export function writeJson(path: string, content: unknown): void {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(content));
  renameSync(draft, path);
}

/**
 * Creates a file with its content, for its owner only. Any number of processes may try
 * concurrently: the first one creates it. When the function returns, the file is on the disk.
 *
 * @returns false if it exists
 */
export function createFile(path: string, content: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft);
  }
}

/** The code of a file system error, such as `EEXIST`. */
export function codeOf(error: unknown): unknown {
  return isObject(error) ? error['code'] : undefined;
}

export function isObject(content: unknown): content is Readonly<Record<string, unknown>> {
  return typeof content === 'object' && content !== null;
}
