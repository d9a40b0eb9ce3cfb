import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { getStock } from '../../../src/effects/inventory/stock.js';
import { sandboxLedger } from '../../../src/effects/payments/sandbox-ledger.js';
import { eventFork } from '../../../src/log/workflow/steps.js';
import { fold } from '../../../src/order/evolve.js';
import { orders } from '../../../src/views/orders.js';
import { createActivities } from '../../../workers/roles/activities.js';
import { create, states } from '../../order/examples.js';
import { Scenario } from '../../order/specification.js';
import { logOf, openDatabase } from '../../support/database.js';
import { setUpStock } from '../../support/stock.js';

const database = await openDatabase();
const { db } = database;
const activities = createActivities({ db });
await setUpStock(db);
afterAll(() => database.close());

/** A new order for a new SKU, and its reservation. */
function reserving() {
  const orderId = randomUUID();
  const sku = `S-${orderId}`;
  const scenario = Scenario.empty.do(create({ lines: [{ sku, quantity: 2, unitPrice: 100 }] }));
  const events = logOf(scenario, orderId);
  const effect = fold(events)?.owed.find((owed) => owed.type === 'reserve');
  if (effect === undefined) throw new Error('nothing is to be reserved');
  return { orderId, sku, events, effect };
}

async function versionInView(orderId: string): Promise<number | undefined> {
  return (await orders(db).findOne({ _id: orderId }))?.version;
}

test('a step records its events, then performs its effect, and a repetition changes nothing', async () => {
  const { orderId, sku, events, effect } = reserving();
  for (let attempt = 1; attempt <= 3; attempt++) {
    expect(await activities.reserve({ events, effect })).toStrictEqual({ type: 'reserved' });
    expect(await versionInView(orderId)).toBe(1);
    expect((await getStock(db, sku)).stock).toMatchObject({ reserved: 2 });
  }
});

test('a step without an effect records its events', async () => {
  const orderId = randomUUID();
  await activities.record({ events: logOf(states.confirmed, orderId) });
  expect(await versionInView(orderId)).toBe(states.confirmed.order.version);
});

test('a step without events performs its effect once the journal holds what made it owed', async () => {
  const { sku, events, effect } = reserving();
  await expect(activities.reserve({ events: [], effect })).rejects.toMatchObject({ name: 'LogIncomplete' });
  expect((await getStock(db, sku)).stock).toMatchObject({ reserved: 0 });
  await activities.record({ events });
  expect(await activities.reserve({ events: [], effect })).toStrictEqual({ type: 'reserved' });
  expect((await getStock(db, sku)).stock).toMatchObject({ reserved: 2 });
});

test('a step with an unrecorded predecessor performs nothing, whatever its worker has cached', async () => {
  const orderId = randomUUID();
  const cancelled = logOf(states.confirmed.do({ type: 'CancelOrder', data: { reason: 'x' } }), orderId);
  const effect = fold(cancelled)?.owed.find((owed) => owed.type === 'void');
  if (effect === undefined) throw new Error('nothing is to be voided');
  const last = cancelled.length - 1;
  await activities.record({ events: cancelled.slice(0, last) });
  // MongoDB is restored to an older backup while the worker keeps running.
  const version = { $gte: last };
  await db.collection<object>('order_events').deleteMany({ orderId, version });
  await db.collection<object>('orders').deleteMany({ orderId });
  const step = { events: cancelled.slice(last), effect };
  await expect(activities.void(step)).rejects.toMatchObject({ name: 'LogIncomplete' });
  expect(await sandboxLedger(db).findOne({ _id: effect.key })).toBeNull();
  await activities.record({ events: cancelled.slice(0, last) });
  // The error shows that the sandbox was called: it does not know this authorization.
  await expect(activities.void(step)).rejects.toThrow(/knows no authorization/);
});

test('a fork stops a step before its effect', async () => {
  const { sku, events, effect } = reserving();
  await activities.record({ events });
  const forked = events.map((event) => ({ ...event, actor: 'somebody else' }));
  await expect(activities.reserve({ events: forked, effect })).rejects.toMatchObject({ type: eventFork });
  expect((await getStock(db, sku)).stock).toMatchObject({ reserved: 0 });
});

test('payments go to the sandbox unless another provider is given', async () => {
  const orderId = randomUUID();
  await activities.record({ events: logOf(states.confirmed, orderId) });
  const key = `${orderId}:authorize:2`;
  const effect = {
    key,
    correlationId: 'test',
    type: 'authorize',
    amount: 500,
    currency: 'EUR',
    method: 'tok_ok',
    ttl: 1_000,
  } as const;
  const outcome = await activities.authorize({ events: [], effect });
  expect(outcome.type).toBe('authorized');
  expect(await sandboxLedger(db).findOne({ _id: key })).toMatchObject({
    outcome,
    calls: 1,
  });
});
