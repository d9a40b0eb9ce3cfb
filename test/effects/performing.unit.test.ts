import { describe, expect, test } from '@jest/globals';
import { outcomeIn } from '../../src/effects/answers.js';
import type { PaymentProvider } from '../../src/effects/payments/port.js';
import { OutcomeUnknown, paymentEffects } from '../../src/effects/performing.js';
import type { EffectType } from '../../src/order/effects.js';

const request = {
  type: 'void',
  key: 'o-1:void:7',
  correlationId: 'c',
  authorizationId: 'auth-1',
} as const;
const voided = { type: 'voided' };

/** A provider with given answers, which notes its calls. */
function provider(known: unknown, answer: unknown) {
  const asked: string[] = [];
  const give = (what: string, given: unknown) => async () => {
    asked.push(what);
    if (given instanceof Error) throw given;
    return given;
  };
  // A provider may answer anything, so the type does not fit.
  const port = { lookUp: give('lookUp', known), void: give('void', answer) } as unknown as PaymentProvider;
  const { void: perform } = paymentEffects({
    name: 'bank',
    port,
    limits: { concurrency: 1, timeoutMs: 60_000 },
  });
  return { asked, perform: (mayHaveBeenTried: boolean) => perform(request, mayHaveBeenTried) };
}

test('a first attempt makes no look-up', async () => {
  const { asked, perform } = provider(voided, voided);
  expect(await perform(false)).toEqual(voided);
  expect(asked).toEqual(['void']);
});

describe('an effect that may have been tried before', () => {
  test('has the outcome that the look-up of its key finds', async () => {
    const { asked, perform } = provider({ type: 'expired' }, voided);
    expect(await perform(true)).toEqual({ type: 'expired' });
    expect(asked).toEqual(['lookUp']);
  });

  test('is performed again if the look-up finds nothing', async () => {
    const { asked, perform } = provider({ type: 'none' }, voided);
    expect(await perform(true)).toEqual(voided);
    expect(asked).toEqual(['lookUp', 'void']);
  });

  test.each([
    ['the outcome is not known yet', { type: 'unknown' }],
    ['lookUp failed: down', new Error('down')],
    ["lookUp answered { type: 'paid' }: expected { type: 'voided' }", { type: 'paid' }],
    ['lookUp answered undefined', undefined],
  ])('waits, and is not performed, if %s', async (problem, known) => {
    const { asked, perform } = provider(known, voided);
    await expect(perform(true)).rejects.toThrow(problem);
    expect(asked).toEqual(['lookUp']);
  });

  test('is not performed if the look-up answers after the time-out', async () => {
    const asked: string[] = [];
    let answer: (known: unknown) => void = () => undefined;
    const lookUp = () => new Promise((resolve) => (answer = resolve));
    const call = () => asked.push('void');
    const { void: perform } = paymentEffects({
      name: 'bank',
      port: { lookUp, void: call } as unknown as PaymentProvider,
      limits: { concurrency: 1, timeoutMs: 20 },
    });
    await expect(perform(request, true)).rejects.toThrow('the outcome is unknown');
    answer({ type: 'none' });
    await new Promise(setImmediate);
    expect(asked).toEqual([]);
  });
});

test('an invalid answer is reported without values that may be personal', async () => {
  const answer = { type: 'paid', card: { number: '4242' }, name: 'Ada' };
  await expect(provider(voided, answer).perform(false)).rejects.toThrow(
    "bank: void answered { type: 'paid', card, name }: expected { type: 'voided' }",
  );
});

test('a long error is cut to its beginning', async () => {
  const error = new Error('x'.repeat(10_000));
  await expect(provider(voided, error).perform(false)).rejects.toThrow(/^bank: void failed: x{500}$/);
});

test.each([
  ['unknown', { type: 'unknown' }],
  ['an error', new Error('402')],
  ['of another effect', { type: 'refunded' }],
  ['not an object', 'ok'],
  ['a decline, which a void cannot have', { type: 'declined', code: 'x' }],
])('an answer that is %s is invalid', async (_, answer) => {
  await expect(provider(voided, answer).perform(false)).rejects.toThrow(OutcomeUnknown);
});

test.each<[EffectType, object]>([
  ['authorize', { type: 'authorized', authorizationId: 'a' }],
  ['authorize', { type: 'pending', authorizationId: 'a' }],
  ['authorize', { type: 'declined', code: 'no' }],
  ['capture', { type: 'captured', captureId: 'c' }],
  ['capture', { type: 'declined', code: 'no' }],
  ['capture', { type: 'expired' }],
  ['void', { type: 'voided' }],
  ['void', { type: 'expired' }],
  ['refund', { type: 'refunded' }],
  ['reserve', { type: 'reserved' }],
  ['reserve', { type: 'out_of_stock', missing: [{ sku: 's', requested: 2, available: 1 }] }],
  ['release', { type: 'done' }],
  ['deduct', { type: 'done' }],
  ['restock', { type: 'done' }],
  ['book', { type: 'booked', carrier: 'c', trackingNumber: 't' }],
  ['book', { type: 'booked', carrier: 'c', trackingNumber: 't', labelUrl: 'https://labels.example/t' }],
  ['book', { type: 'refused', code: 'no' }],
])('the answer of %s may be %j, with any other members', (type, outcome) => {
  expect(outcomeIn(type, { ...outcome, more: 1n })).toEqual(outcome);
});

test.each<[EffectType, unknown]>([
  ['authorize', { type: 'authorized' }],
  ['authorize', { type: 'authorized', authorizationId: 7 }],
  ['authorize', { type: 'authorized', authorizationId: 'x'.repeat(501) }],
  ['authorize', { type: 'declined' }],
  ['authorize', { type: 'expired' }],
  ['capture', { type: 'captured', captureId: '' }],
  ['capture', { type: 'declined', code: null }],
  ['refund', { type: 'declined', code: 'no' }],
  ['reserve', { type: 'out_of_stock', missing: [] }],
  ['reserve', { type: 'out_of_stock', missing: [null] }],
  ['reserve', { type: 'out_of_stock', missing: [{ sku: 's', requested: 2, available: 0.5 }] }],
  ['release', { type: 'released' }],
  ['book', { type: 'booked', carrier: 'c' }],
  ['book', { type: 'booked', carrier: 'c', trackingNumber: '' }],
  ['book', { type: 'booked', carrier: 'c', trackingNumber: 'A\ud800' }],
  ['book', { type: 'booked', carrier: 'c\n', trackingNumber: 't' }],
  ['book', { type: 'booked', carrier: 'c', trackingNumber: 't', labelUrl: 'javascript:alert(1)' }],
  ['book', { type: 'booked', carrier: 'c', trackingNumber: 't', labelUrl: 'labels/t' }],
  [
    'book',
    { type: 'booked', carrier: 'c', trackingNumber: 't', labelUrl: 'https://me:pass@labels.example/t' },
  ],
  ['book', { type: 'booked', carrier: 'c', trackingNumber: 't', labelUrl: 7 }],
  [
    'book',
    { type: 'booked', carrier: 'c', trackingNumber: 't', labelUrl: `https://l.example/${'x'.repeat(2_000)}` },
  ],
  ['book', { type: 'refused' }],
])('the answer of %s may not be %j', (type, answer) => {
  expect(outcomeIn(type, answer)).toBeUndefined();
});
