import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import type { BookAnswer, BookRequest } from '../../../src/effects/carriers/port.js';
import {
  sandboxCarriers,
  sandboxLabels,
  setUpSandboxLabels,
} from '../../../src/effects/carriers/sandbox-carriers.js';
import { openDatabase } from '../../support/database.js';

const database = await openDatabase();
const { db } = database;
await setUpSandboxLabels(db);
afterAll(() => database.close());

const now = '2026-01-01T00:00:00.000Z';
const carriers = sandboxCarriers(db, () => now);
const labels = sandboxLabels(db);

function booking(carrier?: string): BookRequest {
  const orderId = randomUUID();
  return {
    key: `${orderId}:book:9`,
    orderId,
    shipmentId: 's1',
    ...(carrier !== undefined && { carrier }),
    lines: [{ sku: 'A-1', quantity: 1 }],
    receiver: { name: 'Ada Example', street: '1 Main St', city: 'Berlin', country: 'DE' },
  };
}

function parcelIn(answer: BookAnswer) {
  if (answer.type !== 'booked') throw new Error(answer.code);
  const { carrier, trackingNumber } = answer;
  return { carrier, trackingNumber };
}

test('a booking is with the requested carrier, or with the sandbox’s own', async () => {
  expect(await carriers.book(booking('DHL'))).toEqual({
    type: 'booked',
    carrier: 'DHL',
    trackingNumber: expect.stringMatching(/^SP\d{14}$/),
    labelUrl: expect.stringMatching(/^https:\/\/labels\.example\/SP\d{14}\.pdf$/),
  });
  expect(await carriers.book(booking())).toMatchObject({ type: 'booked', carrier: 'Sandbox Post' });
  expect(await carriers.book(booking('Refusing Post'))).toEqual({
    type: 'refused',
    code: 'address_not_served',
  });
});

test('one key gives one label, also for simultaneous repetitions', async () => {
  const request = booking('DHL');
  const answers = await Promise.all(Array.from({ length: 5 }, () => carriers.book(request)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await carriers.labels(request.orderId)).toBe(1);
  expect(await carriers.lookUp(request.key)).toEqual(answers[0]);
  expect(await labels.findOne({ _id: request.key })).toMatchObject({ calls: 5 });
});

test('a key with other parameters is refused by an error, and nothing is booked', async () => {
  const request = booking('DHL');
  await carriers.book(request);
  const elsewhere = { ...request, receiver: { ...request.receiver, city: 'Bonn' } };
  for (const other of [{ ...request, carrier: 'UPS' }, elsewhere])
    await expect(carriers.book(other)).rejects.toThrow('was used with other parameters');
  expect(await carriers.labels(request.orderId)).toBe(1);
});

test('the flaky carrier fails three times without a booking, and then books once', async () => {
  const request = booking('Flaky Post');
  for (const call of [1, 2, 3]) {
    await expect(carriers.book(request)).rejects.toThrow(`does not answer call ${call}`);
    expect(await carriers.lookUp(request.key)).toEqual({ type: 'none' });
  }
  const answers = await Promise.all([carriers.book(request), carriers.book(request)]);
  expect(answers[0]).toMatchObject({ type: 'booked', carrier: 'Flaky Post' });
  expect(answers[1]).toEqual(answers[0]);
  expect(await carriers.labels(request.orderId)).toBe(1);
});

test('the slow carrier books before it answers', async () => {
  const request = booking('Slow Post');
  let isAnswered = false;
  const answering = carriers.book(request).then((answer) => {
    isAnswered = true;
    return answer;
  });
  let known = await carriers.lookUp(request.key);
  while (known.type === 'none') known = await carriers.lookUp(request.key);
  expect(isAnswered).toBe(false);
  expect(await answering).toEqual(known);
});

test('a parcel is on its way until it is delivered, and no other parcel exists', async () => {
  const [parcel, other] = [
    parcelIn(await carriers.book(booking('DHL'))),
    parcelIn(await carriers.book(booking('DHL'))),
  ];
  expect(await carriers.track(parcel)).toEqual({ type: 'in_transit' });
  await carriers.deliver(parcel);
  await sandboxCarriers(db).deliver(parcel);
  expect(await carriers.track(parcel)).toEqual({ type: 'delivered', deliveredAt: now });
  expect(await carriers.track(other)).toEqual({ type: 'in_transit' });
  const unknown = { ...parcel, carrier: 'UPS' };
  expect(await carriers.track(unknown)).toEqual({ type: 'unknown' });
  await expect(carriers.deliver(unknown)).rejects.toThrow('has booked no label');
});

test('the ledger contains nothing of the receiver', async () => {
  const request = booking('DHL');
  await carriers.book(request);
  expect(JSON.stringify(await labels.findOne({ _id: request.key }))).not.toMatch(/Ada|Main|Berlin/);
});
