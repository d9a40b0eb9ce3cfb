import { ShortMemory } from '../concurrency/short-memory.js';
import { open, type SealedAt } from './seal.js';

interface OpenedText {
  readonly key: Buffer;
  readonly at: SealedAt;
  readonly text: string;
}

/**
 * Cache of opened texts: 20,000 at most, each for a minute at most, so that forgotten values leave
 * the memory soon.
 */
const opened = new ShortMemory<OpenedText>({ forMs: 60_000, most: 20_000 });

/**
 * Like `open`, but decrypts each text once for each key and field, because the same pages are read
 * many times. The caller needs the key, so no text of a destroyed key is returned.
 *
 * @throws Error as `open`
 */
export function openCached(key: Buffer, at: SealedAt, sealed: string): string {
  const known = opened.get(sealed);
  if (known?.key === key && isSame(known.at, at)) return known.text;
  const text = open(key, at, sealed);
  opened.keep(sealed, { key, at, text });
  return text;
}

function isSame(a: SealedAt, b: SealedAt): boolean {
  return a.orderId === b.orderId && a.field === b.field;
}
