import { readFile } from 'node:fs/promises';
import { messageOf } from '../../outages/message-of.js';
import { usageFailure } from '../script/failure.js';
import type { Terminal } from '../script/terminal.js';

/**
 * An order as a JSON object, from a file or, for `-`, from standard input.
 *
 * @throws Failure if it cannot be read
 */
export async function readOrderFile(path: string, terminal: Terminal): Promise<object> {
  let bytes: Uint8Array;
  try {
    bytes = path === '-' ? await terminal.readInput() : await readFile(path);
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${messageOf(error)}`);
  }
  const source = path === '-' ? 'standard input' : path;
  const text = textOf(bytes, source);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${source} is not JSON: ${messageOf(error)}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw usageFailure(`${source} has no order: expected one JSON object`);
}

/** Drops a byte order mark, and throws if the bytes are not UTF-8. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws Failure if the bytes are not UTF-8: the script does not guess another encoding */
function textOf(bytes: Uint8Array, source: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw usageFailure(`${source} is not UTF-8: save it as Unicode in UTF-8`);
  }
}
