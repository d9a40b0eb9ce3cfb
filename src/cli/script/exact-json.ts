/** Marks a large integer within a JSON text. No text of the API has this character. */
const MARK = '\u0000';
const ESCAPED_MARK = String.raw`\u0000`;

/** Matches strings, which stay as they are, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * Reads JSON without losing a digit: a whole number beyond the safe integers, such as the sum of
 * many orders, becomes a bigint.
 */
export function parseExact(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replaceAll(TOKENS, (token) =>
    isLargeInteger(token) ? `"${ESCAPED_MARK}${token}"` : token,
  );
  return JSON.parse(marked, (_name, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  );
}

/** Prints JSON that `parseExact` reads back as the same value. */
export function printExact(value: unknown): string {
  const marked = JSON.stringify(value, (_name, one: unknown) =>
    typeof one === 'bigint' ? `${MARK}${one}` : one,
  );
  return marked.replaceAll(/"\\u0000(-?\d+)"/g, '$1');
}

function isLargeInteger(token: string): boolean {
  return /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
}
