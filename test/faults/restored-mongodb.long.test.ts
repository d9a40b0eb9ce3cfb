import { cp, mkdir, rm } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { Collection, Db, Document } from 'mongodb';
import { movements, stock } from '../../src/effects/inventory/stock.js';
import { sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { verifyOrders } from '../../src/effects/proof/verify-orders.js';
import { readMark } from '../../src/identity/database-mark.js';
import { journal } from '../../src/log/journal/journal.js';
import { orderLog } from '../../src/order-log.js';
import { orders } from '../../src/views/orders.js';
import { audit } from '../support/audit.js';
import { type BreakableServer, breakableMongodb } from '../support/breakable-server.js';
import {
  type Api,
  apiAt,
  byDhl,
  orderBody,
  paidWith,
  type PlacedOrder,
} from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const LIMIT_MS = 300_000;
const roles = 'write,read,worker,feed';
/** No reconciliation runs, because it would do a part of the rebuild's work. */
const env = { RECONCILE_INTERVAL: '24h' };
const noWait = { prefer: '' };
/** A SKU whose counted stock is less than what is sold in the end. */
const counted = 'COUNTED-1';
/** The lines of orders that continue without commands. */
const others = [{ sku: 'OTHER-1', quantity: 1, unitPrice: 100 }];

interface Servers {
  readonly system: System;
  readonly mongodb: BreakableServer;
}

test(
  'after MongoDB is restored from an older backup, one command restores the rest exactly',
  () =>
    onSystem(async ({ system, mongodb }) => {
      const backup = `${mongodb.folder}.backup`;
      let running = await system.start(roles, env);
      let api = apiAt(running.address);
      await count(api);
      const old = await ordersInEveryStage(api);
      await running.stop();
      await mongodb.stop();
      await cp(mongodb.folder, backup, { recursive: true });
      await mongodb.revive();

      running = await system.start(roles, env);
      api = apiAt(running.address);
      const later = await ordersInEveryStage(api);
      await advance(old.map(({ id }) => api.order(id)));
      const inFlight = await api.post('/v1/orders', {
        body: orderBody({ ...paidWith('tok_slow'), lines: others }),
      });
      const ids = [...old, ...later].map(({ id }) => id);
      const before = await contents(system.db, ids);
      const { body: page } = await api.get('/v1/events?limit=1000');
      const checkpoint = `after=${page.data.at(-1).position}&generation=${page.generation}`;
      await running.kill();

      await putBack(system, () => replaceWith(mongodb, backup));
      running = await system.start(roles, env);
      api = apiAt(running.address);
      const waiting = await placeWaiting(api, 'older backup');
      const refused = await api.get(`/v1/events?${checkpoint}`);
      expect(refused).toMatchObject({ status: 409, body: { code: 'feed_restored' } });
      const { generation, commonUntil } = refused.body;
      const goOnAfter = `/v1/events?after=${commonUntil}&generation=${generation}`;
      expect(await api.get(goOnAfter)).toMatchObject({ status: 200, body: { generation } });
      await rebuildJournal(api);
      await api.order(String(inFlight.body.orderId)).becomes({ status: 'confirmed' }, 60);
      await api.order(waiting).becomes({ status: 'confirmed' }, 60);
      expect(await contents(system.db, ids)).toEqual(before);
      expect((await api.get(`/v1/stock/${counted}`)).body).not.toHaveProperty('toBeCounted');

      await advance(later.map(({ id }) => api.order(id)));
      await audit(system);
      await expectProven(system);
      await running.stop();
    }),
  LIMIT_MS,
);

test(
  'after MongoDB is emptied, orders and stock come back, and counted stock has to be counted',
  () =>
    onSystem(async ({ system, mongodb }) => {
      let running = await system.start(roles, env);
      let api = apiAt(running.address);
      await count(api);
      const placed = await ordersInEveryStage(api);
      const ids = placed.map(({ id }) => id);
      const before = await contents(system.db, ids);
      await until(async () => expect((await readMark(system))?.counts).toEqual([[counted, 1]]));
      await running.stop();

      await putBack(system, () => replaceWith(mongodb));
      running = await system.start(roles, env);
      api = apiAt(running.address);
      const waiting = await placeWaiting(api, 'MongoDB was lost');
      await rebuildJournal(api);
      await api.order(waiting).becomes({ status: 'confirmed' }, 60);
      const isCounted = ({ _id }: Document) => _id === counted;
      const after = await contents(system.db, ids);
      expect({ ...after, goods: after.goods.filter((one) => !isCounted(one)) }).toEqual({
        ...before,
        goods: before.goods.filter((one) => !isCounted(one)),
        // The log has no counts.
        moved: before.moved.filter(({ type }) => type !== 'set'),
      });
      const reserved = before.goods.find(isCounted)?.['reserved'];
      expect((await api.get(`/v1/stock/${counted}`)).body).toMatchObject({ reserved, toBeCounted: true });
      expect(
        (await api.get('/v1/stock')).body.data.filter((one: Document) => one['toBeCounted']),
      ).toHaveLength(1);

      const { body } = await api.post('/v1/orders', { body: orderBody({ lines: ofCounted(1) }) });
      await advance(placed.map(({ id }) => api.order(id)));
      expect(await api.order(body.orderId).view()).toMatchObject({ status: 'pending' });
      await count(api);
      await api.order(body.orderId).becomes({ status: 'confirmed' }, 60);
      await expectProven(system);
      await running.stop();
    }),
  LIMIT_MS,
);

async function onSystem(run: (servers: Servers) => Promise<void>): Promise<void> {
  const mongodb = await breakableMongodb();
  const system = createSystem({ mongodb: mongodb.address });
  try {
    await run({ system, mongodb });
  } finally {
    await system.end();
    await mongodb.end();
  }
}

/**
 * Sets the count, and repeats it while set-up still runs, because counts are refused until then.
 */
async function count(api: Api): Promise<void> {
  await until(async () =>
    expect(await api.put(`/v1/stock/${counted}`, { body: { onHand: 10 } })).toMatchObject({ status: 200 }),
  );
}

function ofCounted(quantity: number) {
  return [{ sku: counted, quantity, unitPrice: 500 }];
}

/** One order in each stage of goods and money, each waiting for a command. */
async function ordersInEveryStage(api: Api): Promise<readonly PlacedOrder[]> {
  const confirmed = await api.place({ lines: ofCounted(2) });
  const pending = await api.place(paidWith('tok_pending'));
  const rejected = await api.place({ lines: [{ sku: 'OUT-1', quantity: 1, unitPrice: 100 }] });
  const cancelled = await api.place();
  await cancelled.tell('cancel', { reason: 'changed my mind' });
  const dispatched = await api.place({ lines: ofCounted(1) });
  await dispatch(dispatched);
  const returned = await api.place();
  const shipmentId = await dispatch(returned);
  await returned.tell(`shipments/${shipmentId}/deliver`);
  const lines = [{ sku: 'A-1', quantity: 1 }];
  const { body } = await returned.tell('returns', { lines, reason: 'too bright' });
  await returned.tell(`returns/${body.returnId}/receive`);
  const held = await api.place();
  await held.tell('hold', { reason: 'to be checked' });
  return [confirmed, pending, rejected, cancelled, dispatched, returned, held];
}

async function dispatch(order: PlacedOrder): Promise<string> {
  const { body } = await order.tell('shipments');
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  return String(body.shipmentId);
}

/** Takes every order that can continue one or more steps further. */
async function advance(placed: readonly PlacedOrder[]): Promise<void> {
  for (const order of placed) {
    const { allowedCommands, shipments } = await order.view();
    if (allowedCommands.includes('shipments')) await dispatch(order);
    else if (shipments.some(({ status }) => status === 'dispatched')) {
      await order.tell(`shipments/${shipments[0]?.shipmentId}/deliver`);
    } else if (allowedCommands.includes('release')) await order.tell('release');
    else if (allowedCommands.includes('cancel')) await order.tell('cancel', { reason: 'in the end' });
  }
}

/**
 * Journal, views, stock and movements, without recording times, and without orders that continue by
 * themselves.
 */
async function contents(db: Db, ids: readonly string[]) {
  const ofOrders = { orderId: { $in: [...ids] } };
  const all = (found: { toArray(): Promise<readonly Document[]> }) => found.toArray();
  return {
    events: await all(
      journal(orderLog, db)
        .find(ofOrders, { projection: { recordedAt: 0, position: 0, unsequenced: 0 } })
        .sort({ _id: 1 }),
    ),
    views: await all(
      orders(db)
        .find(ofOrders, { projection: { recorder: 0 } })
        .sort({ _id: 1 }),
    ),
    goods: (
      await all(
        stock(db)
          .find({}, { projection: { updatedAt: 0 } })
          .sort({ _id: 1 }),
      )
    ).filter(({ _id }) => _id !== others[0]?.sku),
    moved: await all(
      movements(db)
        .find({ $or: [ofOrders, { type: 'set' }] }, { projection: { at: 0 } })
        .sort({ _id: 1 }),
    ),
  };
}

/**
 * Restores MongoDB. The provider's ledger and the key store keep their current state: one is
 * another company's, the other has a separate backup.
 */
async function putBack({ db }: System, replace: () => Promise<void>): Promise<void> {
  const keys = db.client.db(`${db.databaseName}_keys`);
  const apart: readonly Collection[] = [
    sandboxLedger(db) as unknown as Collection,
    keys.collection('customer_keys'),
    keys.collection('system_keys'),
  ];
  const known = await Promise.all(apart.map((collection) => collection.find().toArray()));
  await replace();
  for (const [index, collection] of apart.entries()) {
    await until(async () => await collection.deleteMany({}));
    await collection.insertMany(known[index] ?? []);
  }
}

async function replaceWith(mongodb: BreakableServer, backup?: string): Promise<void> {
  await mongodb.stop();
  await rm(mongodb.folder, { recursive: true });
  if (backup === undefined) await mkdir(mongodb.folder);
  else await cp(backup, mongodb.folder, { recursive: true });
  await mongodb.revive();
}

/**
 * Places an order and checks that it waits, that readiness says why, and that stock cannot be
 * counted. @returns its id
 */
async function placeWaiting(api: Api, why: string): Promise<string> {
  await until(async () => {
    const { body: ready } = await api.get('/health/ready');
    expect(ready.dependencies).toContainEqual(
      expect.objectContaining({ name: 'stock', status: 'degraded', detail: expect.stringContaining(why) }),
    );
  });
  const { body } = await api.post('/v1/orders', { body: orderBody({ lines: others }), headers: noWait });
  expect(await api.put(`/v1/stock/${counted}`, { body: { onHand: 1 } })).toMatchObject({
    status: 409,
    body: { code: 'stock_restoring' },
  });
  expect((await api.get(`/v1/orders/${body.orderId}`)).body).toMatchObject({ status: 'pending' });
  return String(body.orderId);
}

async function rebuildJournal(api: Api): Promise<void> {
  const { body } = await api.post('/v1/projections/journal/rebuild');
  await until(async () => {
    const { stores } = (await api.get('/v1/projections')).body;
    expect(stores).toContainEqual(
      expect.objectContaining({
        name: 'journal',
        rebuildId: body.rebuildId,
        exceptions: { count: 0, orderIds: [] },
      }),
    );
  }, 90);
}

async function expectProven({ db, client, taskQueue }: System): Promise<void> {
  await until(async () => {
    const { discrepancies } = await verifyOrders({ db, client, taskQueue });
    expect(discrepancies.filter(({ where }) => where !== 'positions')).toEqual([]);
  }, 90);
}
