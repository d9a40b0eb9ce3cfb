import { open, type Place } from './sealing.js';

/** At most so many texts are kept: some megabytes. */
const MOST = 20_000;
/** No text is kept for longer, so what was forgotten leaves the memory soon. */
const KEPT_MS = 60_000;

interface OpenedText {
  readonly key: Buffer;
  readonly place: Place;
  readonly text: string;
}

/** Sealed texts that were opened, the oldest first. */
const opened = new Map<string, OpenedText>();

/**
 * `open`, without decrypting a text again that was opened under this key for this place: pages of
 * orders are read again and again. The caller has the key, so it was not destroyed.
 *
 * @throws Error as `open`
 */
export function openAgain(key: Buffer, place: Place, sealed: string): string {
  const known = opened.get(sealed);
  if (known?.key === key && isSame(known.place, place)) return known.text;
  const text = open(key, place, sealed);
  if (opened.size === 0) setTimeout(() => opened.clear(), KEPT_MS).unref();
  opened.set(sealed, { key, place, text });
  if (opened.size > MOST) opened.delete(opened.keys().next().value ?? '');
  return text;
}

function isSame(a: Place, b: Place): boolean {
  return a.orderId === b.orderId && a.field === b.field;
}
