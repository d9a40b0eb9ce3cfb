import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/**
 * Reads a JSON file; undefined if it does not exist. `isOne` checks the shape by hand, because no
 * library is loaded before the servers start.
 *
 * @param onDamage the result if the file is no JSON, as after a power cut that left it empty or
 *   truncated; undefined by default
 * @throws Error if the content has another shape
 */
export function readJson<T>(
  isOne: (content: unknown) => content is T,
  path: string,
  onDamage: () => T | undefined = () => undefined,
): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const content = parsed(text);
  if (content === undefined) return onDamage();
  if (!isOne(content)) throw new Error(`${path} was not written by this project: move it elsewhere.`);
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
 * concurrently: the first one creates it. When the function returns, the file is on the disk, with
 * all of its content, whichever process has created it.
 *
 * @returns false if it exists
 */
export function createFile(path: string, content: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  let isCreated = true;
  try {
    const file = openSync(draft, 'w', 0o600);
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    isCreated = false;
  } finally {
    rmSync(draft, { force: true });
  }
  syncFolder(dirname(path));
  return isCreated;
}

/**
 * Creates a folder that does not exist, and those above it, for their owner only. When the function
 * returns, the folders that it has created are on the disk.
 */
export function createFolder(path: string): void {
  const above = dirname(path);
  const isNew = !existsSync(path);
  if (isNew) createFolder(above);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (isNew) syncFolder(above);
}

/** Writes the names in a folder to the disk; `fsync` of a file does not write the file's name. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } catch (error) {
    // This file system does not support `fsync` of folders.
    if (codeOf(error) !== 'EINVAL') throw error;
  } finally {
    closeSync(folder);
  }
}

/** The code of a file system error, such as `EEXIST`. */
export function codeOf(error: unknown): unknown {
  return isObject(error) ? error['code'] : undefined;
}

export function isObject(content: unknown): content is Readonly<Record<string, unknown>> {
  return typeof content === 'object' && content !== null;
}
