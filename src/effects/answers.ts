import type { EffectType, Outcome, OutcomeOf } from '../order/effects.js';
import type { MissingStock } from '../order/events.js';

/** Maximum length of a text in an answer, such as an id or a code. The order's log stores them. */
const MAX_TEXT_LENGTH = 500;
const MAX_URL_LENGTH = 2_000;

type Answer = Readonly<Record<string, unknown>>;

/**
 * Reads a provider's answer as an outcome of the effect, with that outcome's own fields only.
 * Undefined if the answer is not such an outcome: a provider may answer anything.
 */
export function outcomeIn<T extends EffectType>(type: T, answer: unknown): OutcomeOf<T> | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  // Each reader returns an outcome of its type.
  return readers[type](answer as Answer) as OutcomeOf<T> | undefined;
}

/** The outcomes of an effect, for a message: `{ type: 'declined', code }, { type: 'expired' }`. */
export function expectedOf(type: EffectType): string {
  return expected[type];
}

/**
 * An answer's type and the names of its members, for a message: `{ type: 'odd', holder }`. All
 * other values are left out, because they may be personal.
 */
export function shapeOf(answer: unknown): string {
  if (typeof answer !== 'object' || answer === null) return answer === null ? 'null' : typeof answer;
  const members = Object.entries(answer).map(([name, value]) =>
    name === 'type' && typeof value === 'string' && /^\w{1,50}$/.test(value) ? `type: '${value}'` : name,
  );
  return `{ ${members.join(', ').slice(0, 200)} }`;
}

/** Whether this is the `type` of the answer. */
export function hasType(answer: unknown, type: 'none' | 'unknown'): boolean {
  return typeof answer === 'object' && answer !== null && 'type' in answer && answer.type === type;
}

const readers: Readonly<Record<EffectType, (answer: Answer) => Outcome | undefined>> = {
  reserve(answer) {
    if (answer['type'] === 'reserved') return { type: 'reserved' };
    const missing = answer['type'] === 'out_of_stock' ? missingIn(answer['missing']) : undefined;
    return missing && { type: 'out_of_stock', missing };
  },
  release: doneIn,
  deduct: doneIn,
  restock: doneIn,
  authorize(answer) {
    const { type, authorizationId, code } = answer;
    if ((type === 'authorized' || type === 'pending') && isText(authorizationId))
      return { type, authorizationId };
    return type === 'declined' && isText(code) ? { type, code } : undefined;
  },
  capture(answer) {
    const { type, captureId, code } = answer;
    if (type === 'captured' && isText(captureId)) return { type, captureId };
    if (type === 'declined' && isText(code)) return { type, code };
    return type === 'expired' ? { type } : undefined;
  },
  void: ({ type }) => (type === 'voided' || type === 'expired' ? { type } : undefined),
  refund: ({ type }) => (type === 'refunded' ? { type } : undefined),
  book(answer) {
    const { type, carrier, trackingNumber, labelUrl, code } = answer;
    if (type === 'refused' && isText(code)) return { type, code };
    if (type !== 'booked' || !isText(carrier) || !isText(trackingNumber)) return undefined;
    if (labelUrl === undefined) return { type, carrier, trackingNumber };
    return isWebAddress(labelUrl) ? { type, carrier, trackingNumber, labelUrl } : undefined;
  },
};

const expected: Readonly<Record<EffectType, string>> = {
  reserve: "{ type: 'reserved' } or { type: 'out_of_stock', missing: [{ sku, requested, available }] }",
  release: "{ type: 'done' }",
  deduct: "{ type: 'done' }",
  restock: "{ type: 'done' }",
  authorize: "{ type: 'authorized' | 'pending', authorizationId } or { type: 'declined', code }",
  capture: "{ type: 'captured', captureId }, { type: 'declined', code } or { type: 'expired' }",
  void: "{ type: 'voided' } or { type: 'expired' }",
  refund: "{ type: 'refunded' }",
  book: "{ type: 'booked', carrier, trackingNumber, labelUrl? } or { type: 'refused', code }",
};

function doneIn({ type }: Answer): Outcome | undefined {
  return type === 'done' ? { type } : undefined;
}

/** Whether the value is one line of text, not too long, that every store keeps unchanged. */
function isText(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || value.length > MAX_TEXT_LENGTH) return false;
  // No control characters, and no half of a surrogate pair.
  return !/[\p{Cc}\p{Cs}]/u.test(value);
}

/**
 * Whether the value is an http or https address without a password. The page links to it, so
 * `javascript:` must not be allowed. Every reader of the order sees it, so it must have no
 * password.
 */
function isWebAddress(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_URL_LENGTH || !URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}

function missingIn(value: unknown): readonly MissingStock[] | undefined {
  if (!Array.isArray(value) || value.length === 0 || value.length > 200) return undefined;
  const missing = value.map((item: unknown) => {
    const { sku, requested, available } = (item ?? {}) as Answer;
    return isText(sku) && isCount(requested) && isCount(available)
      ? { sku, requested, available }
      : undefined;
  });
  return missing.every((item) => item !== undefined) ? missing : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
