import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';

/**
 * The content of a JSON file; undefined when there is no such file.
 * @throws Error when it is not of that shape.
 */
export function readJson<Shape extends TSchema>(shape: Shape, path: string): Static<Shape> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (typeof error === 'object' && error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const content: unknown = JSON.parse(text);
  if (!Value.Check(shape, content)) throw new Error(`${path} was not written by this project.`);
  return content;
}

/** Replaces a file as a whole: a reader sees the old content or the new one. */
export function writeJson(path: string, content: unknown): void {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, JSON.stringify(content));
  renameSync(draft, path);
}
