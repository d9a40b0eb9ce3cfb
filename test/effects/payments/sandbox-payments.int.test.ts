import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { sandboxLedger } from '../../../src/effects/payments/sandbox-ledger.js';
import { sandboxPayments } from '../../../src/effects/payments/sandbox-payments.js';
import { setUpSandbox } from '../../../src/effects/payments/sandbox-set-up.js';
import type { EffectOf, OutcomeOf } from '../../../src/order/effects.js';
import { later } from '../../../src/order/time.js';
import { isMongoOutage } from '../../../src/outages/mongo-outage.js';
import { day } from '../../order/examples.js';
import { openDatabase } from '../../support/database.js';

const database = await openDatabase();
const { db } = database;
await setUpSandbox(db);
afterAll(() => database.close());

const startOfTime = '2026-01-01T00:00:00.000Z';
let now = startOfTime;
const payments = sandboxPayments(db, () => now);
const ledger = sandboxLedger(db);

const currency = 'EUR';
const correlationId = 'test';

function authorizing(method: string, amount = 1_000): EffectOf<'authorize'> {
  return {
    key: `${randomUUID()}:authorize:2`,
    correlationId,
    type: 'authorize',
    amount,
    currency,
    method,
    ttl: 7 * day,
  };
}

/** A capture effect of the order that `key` belongs to. */
function capturing(key: string, authorizationId: string, amount: number, version = 9, shipmentId = 's1') {
  const [orderId] = key.split(':');
  return {
    key: `${orderId}:capture:${version}`,
    correlationId,
    type: 'capture',
    authorizationId,
    shipmentId,
    amount,
    currency,
  } as const;
}

function voiding(authorizationId: string): EffectOf<'void'> {
  return { key: `${randomUUID()}:void:9`, correlationId, type: 'void', authorizationId };
}

function refunding(captureId: string, amount: number): EffectOf<'refund'> {
  return {
    key: `${randomUUID()}:refund:12`,
    correlationId,
    type: 'refund',
    refundId: 'f1',
    captureId,
    amount,
    currency,
  };
}

async function authorized(method = 'tok_ok', amount = 1_000) {
  const request = authorizing(method, amount);
  const outcome = await payments.authorize(request);
  if (outcome.type === 'declined') throw new Error(outcome.code);
  return { key: request.key, id: outcome.authorizationId };
}

async function captured(amount: number): Promise<string> {
  const { key, id } = await authorized();
  const outcome = await payments.capture(capturing(key, id, amount));
  if (outcome.type !== 'captured') throw new Error(outcome.type);
  return outcome.captureId;
}

/** Repeats the call, as a step does, while a busy MongoDB does not answer in time. */
async function answered<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isMongoOutage(error)) throw error;
    }
  }
}

function tenTimes<T>(act: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: 10 }, (_, index) => answered(() => act(index))));
}

function count(outcomes: readonly OutcomeOf<'capture'>[], type: OutcomeOf<'capture'>['type']): number {
  return outcomes.filter((outcome) => outcome.type === type).length;
}

test.each([
  ['tok_declined', { type: 'declined', code: 'card_declined' }],
  ['tok_insufficient_funds', { type: 'declined', code: 'insufficient_funds' }],
  ['4242 4242 4242 4242', { type: 'declined', code: 'unknown_token' }],
  ['tok_ok', { type: 'authorized' }],
  ['tok_slow', { type: 'authorized' }],
  ['tok_capture_declined', { type: 'authorized' }],
  ['tok_pending', { type: 'pending' }],
])('%s answers %j', async (method, expected) => {
  expect(await payments.authorize(authorizing(method))).toMatchObject(expected);
});

test('one key, used repeatedly and by many callers concurrently, gives one payment with one answer', async () => {
  const request = authorizing('tok_ok');
  const first = await payments.authorize(request);
  const others = await tenTimes(() => payments.authorize(request));
  expect(others).toStrictEqual(others.map(() => first));
  const [orderId] = request.key.split(':');
  expect(await ledger.findOne({ _id: request.key })).toMatchObject({
    orderId,
    type: 'authorize',
    amount: 1_000,
    currency,
    outcome: first,
    calls: 11,
  });

  if (first.type !== 'authorized') throw new Error(first.type);
  const capture = capturing(request.key, first.authorizationId, 600);
  const captures = await tenTimes(() => payments.capture(capture));
  expect(captures).toStrictEqual(captures.map(() => captures[0]));
  expect((await ledger.findOne({ _id: request.key }))?.authorization?.captured).toBe(600);
});

test('a key that was used with other parameters is refused, and changes nothing', async () => {
  const request = authorizing('tok_ok');
  const first = await payments.authorize(request);
  await expect(payments.authorize({ ...request, amount: 2_000 })).rejects.toThrow(
    'used with other parameters',
  );
  expect(await payments.authorize(request)).toStrictEqual(first);
  expect(await ledger.findOne({ _id: request.key })).toMatchObject({ amount: 1_000, outcome: first });
});

test('tok_flaky fails three times for each key, then works', async () => {
  const request = authorizing('tok_flaky');
  for (let call = 1; call <= 3; call++)
    await expect(payments.authorize(request)).rejects.toThrow(`call ${call}`);
  const outcome = await payments.authorize(request);
  if (outcome.type !== 'authorized') throw new Error(outcome.type);
  const capture = capturing(request.key, outcome.authorizationId, 1_000);
  for (let call = 1; call <= 3; call++)
    await expect(payments.capture(capture)).rejects.toThrow(`call ${call}`);
  expect(await payments.capture(capture)).toMatchObject({ type: 'captured' });
});

test('simultaneous captures together never exceed what was authorized', async () => {
  const { key, id } = await authorized('tok_ok', 1_000);
  const outcomes = await tenTimes((index) => payments.capture(capturing(key, id, 300, 10 + index)));
  expect(count(outcomes, 'captured')).toBe(3);
  expect(outcomes).toContainEqual({ type: 'declined', code: 'more_than_authorized' });
  expect((await ledger.findOne({ _id: key }))?.authorization?.captured).toBe(900);
});

test('a capture that crashed before its answer was stored is answered the same, and happens once', async () => {
  const { key, id } = await authorized();
  const request = capturing(key, id, 600);
  const outcome = await payments.capture(request);
  await ledger.updateOne({ _id: request.key }, { $unset: { outcome: '', capture: '' } });
  expect(await payments.capture(request)).toStrictEqual(outcome);
  expect((await ledger.findOne({ _id: key }))?.authorization?.captured).toBe(600);
  expect(await ledger.findOne({ _id: request.key })).toMatchObject({ outcome, capture: { refunded: 0 } });
});

test('simultaneous refunds together never exceed what was captured', async () => {
  const captureId = await captured(1_000);
  const requests = Array.from({ length: 10 }, () => refunding(captureId, 300));
  const results = await Promise.allSettled(
    requests.map((request) => answered(() => payments.refund(request))),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  expect((await ledger.findOne({ 'capture.id': captureId }))?.capture?.refunded).toBe(900);
  await expect(payments.refund(refunding(captureId, 101))).rejects.toThrow('100 EUR are left');
});

test('a refund is done once per key', async () => {
  const captureId = await captured(1_000);
  const request = refunding(captureId, 400);
  await tenTimes(() => payments.refund(request));
  expect((await ledger.findOne({ 'capture.id': captureId }))?.capture?.refunded).toBe(400);
});

test('a capture in another currency than the authorization is declined', async () => {
  const { key, id } = await authorized();
  const request = { ...capturing(key, id, 100), currency: 'USD' };
  expect(await payments.capture(request)).toStrictEqual({ type: 'declined', code: 'other_currency' });
});

test('tok_capture_declined declines the first capture of each shipment, for good; a new key works', async () => {
  const { key, id } = await authorized('tok_capture_declined');
  const declined = { type: 'declined', code: 'card_declined' };
  expect(await payments.capture(capturing(key, id, 100, 9, 's1'))).toStrictEqual(declined);
  expect(await payments.capture(capturing(key, id, 100, 9, 's1'))).toStrictEqual(declined);
  expect(await payments.capture(capturing(key, id, 100, 12, 's1'))).toMatchObject({ type: 'captured' });
  expect(await payments.capture(capturing(key, id, 100, 15, 's2'))).toStrictEqual(declined);
  expect(await payments.capture(capturing(key, id, 100, 18, 's2'))).toMatchObject({ type: 'captured' });
});

test('a void releases what was not captured, and nothing can be captured afterwards', async () => {
  const { key, id } = await authorized();
  expect(await payments.capture(capturing(key, id, 400, 9))).toMatchObject({ type: 'captured' });
  expect(await payments.void(voiding(id))).toStrictEqual({ type: 'voided' });
  expect(await payments.void(voiding(id))).toStrictEqual({ type: 'voided' });
  expect(await payments.capture(capturing(key, id, 100, 12))).toStrictEqual({
    type: 'declined',
    code: 'authorization_voided',
  });
  const taken = await ledger.findOne({ _id: key });
  expect(taken?.authorization).toMatchObject({ status: 'voided', captured: 400 });
});

test('when a void and captures race, no capture happens after the void', async () => {
  const { key, id } = await authorized();
  const voidRequest = voiding(id);
  const requests = Array.from({ length: 5 }, (_, index) => capturing(key, id, 100, 20 + index));
  const [voided, ...captures] = await Promise.all([
    answered(() => payments.void(voidRequest)),
    ...requests.map((request) => answered(() => payments.capture(request))),
  ]);
  expect(voided).toStrictEqual({ type: 'voided' });
  const before = 100 * count(captures, 'captured');
  expect((await ledger.findOne({ _id: key }))?.authorization).toMatchObject({
    status: 'voided',
    captured: before,
  });
});

test('an authorization lapses by the provider’s clock', async () => {
  const { key, id } = await authorized();
  now = later(startOfTime, 7 * day);
  try {
    expect(await payments.capture(capturing(key, id, 100))).toStrictEqual({ type: 'expired' });
    expect(await payments.void(voiding(id))).toStrictEqual({ type: 'expired' });
  } finally {
    now = startOfTime;
  }
});

test('an id that the provider never issued is refused', async () => {
  await expect(payments.void(voiding('auth_unknown'))).rejects.toThrow('no authorization auth_unknown');
  await expect(payments.refund(refunding('cap_unknown', 1))).rejects.toThrow('no capture cap_unknown');
});

test('a pending payment is settled once, whichever call left it pending', async () => {
  const { key, id } = await authorized('tok_pending');
  expect(await payments.capture(capturing(key, id, 100, 9))).toStrictEqual({
    type: 'declined',
    code: 'authorization_pending',
  });
  const fact = { reference: key, authorizationId: id, outcome: 'authorized' };
  expect(await payments.settlePending(key, 'authorized')).toStrictEqual(fact);
  expect(await payments.settlePending(key, 'authorized')).toStrictEqual(fact);
  await expect(payments.settlePending(key, 'declined')).rejects.toThrow('authorized already');
  expect(await payments.capture(capturing(key, id, 100, 12))).toMatchObject({ type: 'captured' });
});

test('a pending payment that is declined cannot be captured, and needs no void', async () => {
  const { key, id } = await authorized('tok_pending');
  expect(await payments.settlePending(key, 'declined')).toStrictEqual({
    reference: key,
    authorizationId: id,
    outcome: 'declined',
    code: 'customer_declined',
  });
  expect(await payments.capture(capturing(key, id, 100))).toMatchObject({ type: 'declined' });
  expect(await payments.void(voiding(id))).toStrictEqual({ type: 'voided' });
});

test('a pending payment that was voided is never settled', async () => {
  const { key, id } = await authorized('tok_pending');
  await payments.void(voiding(id));
  await expect(payments.settlePending(key, 'authorized')).rejects.toThrow('voided already');
  expect(await payments.capture(capturing(key, id, 100))).toMatchObject({ type: 'declined' });
});

test('the first answer to a key stays, also after the payment is settled', async () => {
  const request = authorizing('tok_pending');
  const first = await payments.authorize(request);
  await payments.settlePending(request.key, 'authorized');
  expect(await payments.authorize(request)).toStrictEqual(first);
});

test('only a payment that was pending can be settled', async () => {
  const { key } = await authorized('tok_ok');
  await expect(payments.settlePending(key, 'authorized')).rejects.toThrow('not a payment that was pending');
  await expect(payments.settlePending('nothing', 'authorized')).rejects.toThrow('not a payment');
});
