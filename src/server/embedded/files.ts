import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/**
 * The content of a JSON file; undefined when there is no such file, or when a power cut left it empty or cut off. `isOne` is
 * no schema, for servers are started before any library is loaded.
 * @throws Error when it is not such a one.
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

/** Replaces a file as a whole: a reader sees the old content or the new one. */
export function writeJson(path: string, content: unknown): void {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(content));
  renameSync(draft, path);
}

/** What the file system says is wrong, such as `EEXIST`. */
export function codeOf(error: unknown): unknown {
  return isObject(error) ? error['code'] : undefined;
}

export function isObject(content: unknown): content is Readonly<Record<string, unknown>> {
  return typeof content === 'object' && content !== null;
}
