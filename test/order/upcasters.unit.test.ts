import { expect, test } from '@jest/globals';
import { NewerEvent } from '../../src/log/entity.js';
import type { StoredEvent } from '../../src/order/events.js';
import { fold } from '../../src/order/evolve.js';
import { followsRules } from '../../src/order/rules.js';
import { upcast, upcastIfKnown } from '../../src/order/upcasters.js';
import { goldenEvents } from '../golden/golden-events.js';
import { states } from './examples.js';

const golden = await goldenEvents();

function stored(name: string): StoredEvent {
  const event = golden.get(name);
  if (event === undefined) throw new Error(`no golden ${name}`);
  return event;
}

test('OrderCreated 1 → 2: fee, tax and discount are charges; the order that was created is the same', () => {
  const event = upcast(stored('OrderCreated@1'));
  expect(event.data).toMatchObject({ charges: { shippingFee: 490, tax: 333, discount: 100 } });
  expect(event).toStrictEqual(upcast(stored('OrderCreated@2')));
  expect(fold([event])).toMatchObject({ shippingFee: 490, tax: 333, discount: 100, total: 5221 });
});

test('OrderCreated 2 → 3: an order keeps the rules it was created under', () => {
  const old = stored('OrderCreated@2');
  expect(upcast(old)).toStrictEqual({ ...old, schemaVersion: 3, data: { ...old.data, rules: 1 } });
  const passedOn = { ...old, data: { ...old.data, rules: 2 } };
  expect(upcast(passedOn)).toMatchObject({ data: { rules: 2 } });
  const [before, today] = [fold([upcast(old)]), states.confirmed.order];
  expect([before, today].map((order) => order && followsRules(order, 2))).toEqual([false, true]);
});

test('an event of the current version is unchanged', () => {
  for (const event of states.refunded.log) expect(upcast(event)).toStrictEqual(event);
});

test('what a store added to an event stays', () => {
  const recorded = { ...stored('OrderCreated@1'), recordedAt: '2026-01-01T00:00:00.000Z', position: 7 };
  expect(upcast(recorded)).toMatchObject({ position: 7, recordedAt: recorded.recordedAt });
});

test('an old event is not modified by its upcaster', () => {
  const event = stored('OrderCreated@1');
  const before = structuredClone(event);
  upcast(event);
  expect(event).toStrictEqual(before);
});

test('an event that a newer version wrote is refused, never misread', () => {
  expect(() => upcast({ ...stored('OrderCreated@2'), schemaVersion: 4 })).toThrow(
    'Event 1 of order o-1 is OrderCreated@4; this version of the code knows OrderCreated@3 and older.',
  );
  expect(() => upcast({ ...stored('OrderCreated@1'), schemaVersion: 0 })).toThrow('OrderCreated@0');
  const unknown: StoredEvent = JSON.parse(
    JSON.stringify({ ...stored('NoteAdded@1'), type: 'GiftWrapped', schemaVersion: 1 }),
  );
  expect(() => upcast(unknown)).toThrow('is GiftWrapped@1; this version of the code knows no GiftWrapped.');
  for (const type of ['toString', 'constructor', '__proto__']) {
    const event: StoredEvent = JSON.parse(JSON.stringify({ ...stored('NoteAdded@1'), type }));
    expect(() => upcast(event)).toThrow(`this version of the code knows no ${type}.`);
  }
});

test('only an event of a newer version, or of a type that is unknown, is worth waiting for', () => {
  const event = stored('OrderCreated@2');
  expect(() => upcast({ ...event, schemaVersion: 4 })).toThrow(NewerEvent);
  const unknown: StoredEvent = JSON.parse(JSON.stringify({ ...event, type: 'GiftWrapped' }));
  expect(() => upcast(unknown)).toThrow(NewerEvent);
  expect(() => upcast({ ...event, schemaVersion: 0 })).toThrow(
    expect.not.objectContaining({ name: 'NewerEvent' }),
  );
});

test('an unreadable event is passed on as it was written, and any other is upcast', () => {
  expect(upcastIfKnown(stored('OrderCreated@1'))).toStrictEqual(upcast(stored('OrderCreated@2')));
  const newer = { ...stored('OrderCreated@2'), schemaVersion: 4 };
  expect(upcastIfKnown(newer)).toBe(newer);
});

test.each(['PaymentCaptured@1', 'ShipmentDelivered@1', 'OrderConfirmed@1'])(
  'damaged data is unchanged, so that it is noticed (%s)',
  (name) => {
    const damaged = { ...stored(name), data: null as never };
    expect(upcast(damaged).data).toBeNull();
  },
);
