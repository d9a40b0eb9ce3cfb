/**
 * Reads JSON without losing a digit: a whole number that JavaScript's would not hold exactly, such as the sum of many orders,
 * is a bigint.
 */
export function parseExact(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replaceAll(tokens, (token) => (isLargeInteger(token) ? `"${mark}${token}"` : token));
  return JSON.parse(marked, (_name, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  );
}

/** What `parseExact` reads as the same value. */
export function printExact(value: unknown): string {
  const marked = JSON.stringify(value, (_name, one: unknown) =>
    typeof one === 'bigint' ? `${MARK}${one}` : one,
  );
  return marked.replaceAll(/"\\u0000(-?\d+)"/g, '$1');
}

/** No text of the API has this character. */
const MARK = '\u0000';
const mark = String.raw`\u0000`;

/** Texts, which are left alone, and numbers. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

function isLargeInteger(token: string): boolean {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
}
