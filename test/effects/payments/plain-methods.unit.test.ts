import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { seal } from '../../../src/sealing/seal.js';
import { withPlainMethods } from '../../../src/effects/payments/plain-methods.js';
import type { PaymentProvider } from '../../../src/effects/payments/port.js';
import { paymentEffects } from '../../../src/effects/performing.js';

const customerKey = { keyId: 'key-of-ada-0', key: randomBytes(32) };
const method = 'tok_4242';
const request = {
  type: 'authorize',
  key: 'o-1:authorize:2',
  correlationId: 'c',
  amount: 1999,
  currency: 'EUR',
  ttl: 60_000,
  method: seal(customerKey, { orderId: 'o-1', field: 'payment.method' }, method),
} as const;

/** Wraps a provider that only has `authorize` and `lookUp`. */
function opening(
  authorize: PaymentProvider['authorize'],
  signal = new AbortController().signal,
  key: Buffer | 'destroyed' = customerKey.key,
  known: Awaited<ReturnType<PaymentProvider['lookUp']>> = { type: 'none' },
) {
  const keys = { openingKey: () => Promise.resolve(key) };
  const lookUp = () => Promise.resolve(known);
  // No other function of the provider is called.
  const its: Partial<PaymentProvider> = { authorize, lookUp };
  const port = withPlainMethods(keys, its as PaymentProvider);
  return { port, call: () => port.authorize(request, { signal }) };
}

test('a provider gets the payment method in plain text', async () => {
  const { call } = opening(({ method: code }) => Promise.resolve({ type: 'declined', code }));
  expect(await call()).toEqual({ type: 'declined', code: method });
});

test('an error of the provider is passed on without the payment method', async () => {
  const { port } = opening(({ method: token }) => {
    const cause = new Error(`402 for ${token}`);
    return Promise.reject(new Error(`bank: ${token} was refused, ${token}`, { cause }));
  });
  const { authorize } = paymentEffects({
    name: 'bank',
    port,
    limits: { concurrency: 1, timeoutMs: 60_000 },
  });
  const error: unknown = await authorize(request, false).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ message: 'bank: authorize failed: bank: *** was refused, ***' });
  expect(error).not.toHaveProperty('cause');
  expect((error as Error).stack).not.toContain(method);
});

test.each([
  ['declined', { type: 'none' }, { type: 'declined', code: 'payment_method_forgotten' }],
  ['what the provider has answered before', { type: 'authorized', authorizationId: 'a1' }, undefined],
  ['unknown while the provider cannot say', { type: 'unknown' }, undefined],
] as const)('without the key of the method, a payment is %s', async (_, known, expected) => {
  const authorize = () => Promise.reject(new Error('it was called'));
  const { call } = opening(authorize, undefined, 'destroyed', known);
  expect(await call()).toEqual(expected ?? known);
});

test('the provider is not called if the activity was cancelled while the method was opened', async () => {
  let isCalled = false;
  const { call } = opening(() => {
    isCalled = true;
    return Promise.resolve({ type: 'unknown' });
  }, AbortSignal.abort());
  await expect(call()).rejects.toThrow('aborted');
  expect(isCalled).toBe(false);
});
