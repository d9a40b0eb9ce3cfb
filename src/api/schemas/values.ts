import { Type } from 'typebox';
import { LIMITS } from '../../order/commands.js';
import { idPattern, linePattern, MAX_TAG_LENGTH, textPattern } from '../../order/patterns.js';

/** The API's patterns, and what the error message says if a value does not match. */
const patterns = {
  id: [idPattern, 'must be 1 to 64 letters, digits, ".", "_" or "-", the first one a letter or digit'],
  eventId: [
    '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}:[1-9]\\d{0,8}$',
    'must be the id of an event: an order, a colon and a version, such as o-1:3',
  ],
  ids: ['^[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*$', 'must be ids or names, separated by commas'],
  sku: [
    '^[A-Za-z0-9][A-Za-z0-9._:+@#-]{0,63}$',
    'must be 1 to 64 letters, digits or any of . _ : + @ # -, the first one a letter or digit',
  ],
  line: [linePattern, 'must be one line of well-formed Unicode without control characters, and not blank'],
  text: [textPattern, 'must be well-formed Unicode without control characters, and not blank'],
  currency: ['^[A-Z]{3}$', 'must be an ISO-4217 code of three capitals, such as EUR'],
  country: ['^[A-Z]{2}$', 'must be an ISO-3166 code of two capitals, such as DE'],
  email: [
    '^[^\\s@\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]+@[^\\s@\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]+$',
    'must be an address such as ada@example.com',
  ],
  key: ['^[\\u0021-\\u007e]{1,200}$', 'must be 1 to 200 visible ASCII characters without spaces'],
  credential: ['^[A-Za-z0-9._~+/=-]{1,4000}$', 'must be an API key or an access token'],
  ifMatch: [
    '^(\\*|[ ,]*(W/)?"[^"\\s]*"([ ,]+(W/)?"[^"\\s]*")*[ ,]*)$',
    'must be the ETag of a version, such as "3" with its quotes, or *',
  ],
  time: [
    '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])(T([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:\\d\\d))?$',
    'must be a time such as 2026-01-31T12:00:00Z, or a date',
  ],
  // The number of digits is limited, so that the present time plus or minus a duration is a valid
  // `Date`.
  duration: [
    '^(\\d{1,12}ms|\\d{1,9}s|\\d{1,7}m|\\d{1,5}h|\\d{1,4}d)$',
    'must be a duration such as 90s, 15m, 24h or 30d, of at most 9999d',
  ],
  date: ['^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$', 'must be a date such as 2026-01-31'],
} as const satisfies Record<string, readonly [pattern: string, meaning: string]>;

const meanings = new Map<string, string>(Object.values(patterns));

/** What a pattern of this API requires, in words. */
export function meaningOf(pattern: string): string | undefined {
  return meanings.get(pattern);
}

function matching(name: keyof typeof patterns, options: { maxLength?: number; description?: string } = {}) {
  return Type.String({ pattern: patterns[name][0], ...options });
}

export const Id = matching('id');
export const EventId = matching('eventId');
/**
 * Several ids, or names of types, in a query. The limit keeps a URL within the header size that
 * Node accepts.
 */
export const Ids = matching('ids', { maxLength: 2_000 });
/**
 * Several tags in a query. The limit is low, because percent-encoding may turn one character into
 * twelve.
 */
export const Tags = matching('line', { maxLength: 500 });
export const Sku = matching('sku');
/** One line of text, such as a name or a carrier. */
export const Name = matching('line', { maxLength: 200 });
/** Text of several lines, such as a note or a reason. */
export const Text = matching('text', { maxLength: 2_000 });
export const Tag = matching('line', { maxLength: MAX_TAG_LENGTH });
export const Currency = matching('currency');
export const Country = matching('country');
export const Email = matching('email', { maxLength: 254 });
export const Key = matching('key');
/** An API key or an access token. */
export const Credential = matching('credential');
/** Headers that say who acts, and for whom. */
export const Actors = Type.Object({
  'x-actor': Type.Optional(
    matching('key', { description: 'who acts, with AUTH=off only: otherwise the key or token says it' }),
  ),
  'on-behalf-of': Type.Optional(
    matching('key', { description: 'for whom, recorded beside the actor; needs the scope act-as' }),
  ),
});
export const IfMatch = matching('ifMatch', {
  description:
    'the ETag of the version to be judged against, or *; a weak one, or a list, never matches (412)',
});
export const Time = matching('time');
export const Duration = matching('duration');
/** A day in UTC. */
export const Day = matching('date');
/** Minor units of a currency. */
export const Amount = Type.Integer({ minimum: 0, maximum: LIMITS.amount });
export const PositiveAmount = Type.Integer({ minimum: 1, maximum: LIMITS.amount });
export const Quantity = Type.Integer({ minimum: 1, maximum: LIMITS.quantity });
/** A position in the feed. */
export const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1_000 });
export const Version = Type.Integer({ minimum: 1, maximum: LIMITS.amount });

/** An object schema that allows no other members. */
export function closed<P extends Parameters<typeof Type.Object>[0]>(
  properties: P,
  options: { readonly description?: string } = {},
) {
  return Type.Object(properties, { ...options, additionalProperties: false });
}

export const CustomerPath = closed({ customerId: Id });
export const OrderPath = closed({ orderId: Id });

const keyPattern = new RegExp(patterns.key[0]);

/**
 * The version that an `If-Match` names; undefined if it is `*`. Returns 0, which is never a
 * version, for a weak tag (it never matches: RFC 9110, 13.1.1), for a list (not supported), and for
 * a tag that names no version.
 */
export function versionIn(ifMatch: string): number | undefined {
  if (ifMatch === '*') return undefined;
  return Number(/^"([1-9]\d{0,14})"$/.exec(ifMatch.trim())?.[1] ?? 0);
}

/** True if a header's value can be an idempotency key, an actor or a correlation id. */
export function isKey(value: string): boolean {
  return keyPattern.test(value);
}
