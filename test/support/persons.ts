import { personalMembers } from '../../src/order/forget.js';

/** Shorter texts, such as a country, may be in a log by chance. */
const MIN_TEXT_LENGTH = 8;
const MIN_DISTINCT_CHARACTERS = 5;
const personal = new Set<string>([...Object.values(personalMembers).flat(), 'note']);

/** The personal values in the bodies that this test file has sent. */
const sent = new Set<string>();

/** Remembers the personal values in a body that is sent to the API. */
export function rememberPersons(body: unknown, name = ''): void {
  if (typeof body === 'string') {
    if (personal.has(name) && body.length >= MIN_TEXT_LENGTH && new Set(body).size >= MIN_DISTINCT_CHARACTERS)
      sent.add(body);
  } else if (Array.isArray(body)) {
    for (const entry of body) rememberPersons(entry, name);
  } else if (typeof body === 'object' && body !== null) {
    for (const [member, value] of Object.entries(body)) rememberPersons(value, member);
  }
}

/** The values that were sent, and are in this text. */
export function personsIn(text: string): readonly string[] {
  return [...sent].filter((value) => text.includes(value));
}

/**
 * @param where what the text is: a log, a refusal, an error message of a script
 * @throws Error if it has a personal value
 */
export function assertNoPersons(where: string, text: string): void {
  const found = personsIn(text);
  if (found.length > 0)
    throw new Error(`Personal values are where they may not be: ${found.join(', ')}\n${where}\n${text}`);
}
