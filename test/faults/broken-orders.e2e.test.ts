import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { readJournal } from '../../src/log/journal/read-journal.js';
import { workflowId, orderLog } from '../../src/order-log.js';
import { orders } from '../../src/views/orders.js';
import { audit } from '../support/audit.js';
import { type Api, apiAt, byDhl, type PlacedOrder } from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const LIMIT_MS = 120_000;
const noWait = { prefer: '' };

let system: System;
let api: Api;
const forked: string[] = [];

beforeAll(async () => {
  system = createSystem();
  const { address } = await system.start('write,read,worker');
  api = apiAt(address);
}, LIMIT_MS);
afterAll(async () => {
  await system.end();
}, LIMIT_MS);

/**
 * After each test, other orders continue, and the broken order is consistent again once it is
 * repaired.
 */
afterEach(async () => {
  await shipAndDeliver(await api.place());
  await audit(system, forked);
}, LIMIT_MS);

async function shipAndDeliver(order: PlacedOrder): Promise<void> {
  const { body } = await order.tell('shipments');
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  await order.tell(`shipments/${body.shipmentId}/deliver`);
  await order.becomes({ status: 'completed' });
}

/**
 * Records a next event that the order's workflow has not decided, as if the workflow had been
 * restored to an earlier state.
 */
async function forge(order: PlacedOrder): Promise<void> {
  const last = (await readJournal(orderLog, system.db, order.id)).at(-1);
  if (last === undefined) throw new Error('The order has no events.');
  const version = last.version + 1;
  const event = { ...last, version, type: 'NoteAdded', data: { text: 'forged' } };
  await system.db
    .collection<{ _id: string }>('order_events')
    .insertOne({ ...event, _id: `${order.id}:${version}` });
  forked.push(order.id);
}

describe('an order whose journal holds another event than its workflow decides', () => {
  test(
    'that is cancelled voids and releases nothing, though it owes both at one version',
    async () => {
      const order = await api.place();
      await forge(order);
      await order.tell('cancel', { reason: 'x' }, noWait);
      await until(async () =>
        expect(await api.post(`/v1/orders/${order.id}/notes`, { body: { text: 'x' } })).toMatchObject({
          status: 409,
          body: { code: 'order_forked' },
        }),
      );
      const handle = system.client.workflow.getHandle(workflowId(order.id));
      // Both steps have found the fork, and are not retried.
      await until(async () => expect((await handle.describe()).raw.pendingActivities ?? []).toEqual([]));
      const movements = system.db.collection('stock_movements');
      expect(await movements.countDocuments({ orderId: order.id, type: 'release' })).toBe(0);
      expect(await sandboxLedger(system.db).countDocuments({ orderId: order.id, type: 'void' })).toBe(0);
    },
    LIMIT_MS,
  );

  test(
    'halts before any effect, refuses commands, and is named by readiness',
    async () => {
      const order = await api.place();
      const other = await api.place();
      const { body } = await order.tell('shipments');
      await forge(order);

      await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl, noWait);
      await until(async () =>
        expect(await api.post(`/v1/orders/${order.id}/notes`, { body: { text: 'x' } })).toMatchObject({
          status: 409,
          body: { code: 'order_forked' },
        }),
      );
      await until(async () =>
        expect(await api.get('/health/ready')).toMatchObject({
          status: 200,
          body: {
            status: 'degraded',
            dependencies: expect.arrayContaining([
              expect.objectContaining({ name: 'forks', detail: expect.stringContaining(order.id) }),
            ]),
          },
        }),
      );
      expect(
        await system.db.collection('stock_movements').countDocuments({ orderId: order.id, type: 'deduct' }),
      ).toBe(0);
      expect(await sandboxLedger(system.db).countDocuments({ orderId: order.id, type: 'capture' })).toBe(0);
      const handle = system.client.workflow.getHandle(workflowId(order.id));
      expect(await handle.query('__temporal_workflow_metadata')).toMatchObject({
        currentDetails: expect.stringContaining('Halted'),
      });
      await shipAndDeliver(other);
    },
    LIMIT_MS,
  );
});

describe('an order that cannot continue', () => {
  test(
    'waits while its view is damaged, until the view is repaired',
    async () => {
      const order = await api.place();
      // Names another recorder, so that the worker reads the damaged view. It would overwrite a
      // view that it has recorded itself.
      const damage = { 'state.lines': 'damaged', recorder: 'somebody' };
      await orders(system.db).updateOne({ _id: order.id }, { $set: damage });
      const { body } = await order.tell('shipments', {}, noWait);
      await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl, noWait);
      await shipAndDeliver(await api.place());
      await orders(system.db).deleteOne({ _id: order.id });
      await order.becomes({ captured: 3998 });
    },
    LIMIT_MS,
  );

  test(
    'waits while its reserved stock is missing, until the stock is back',
    async () => {
      const sku = 'TAKEN-1';
      const order = await api.place({ lines: [{ sku, quantity: 2, unitPrice: 500 }] });
      const stock = system.db.collection<{ _id: string }>('stock');
      await stock.updateOne({ _id: sku }, { $set: { reserved: 0 } });
      await order.tell('cancel', { reason: 'x' }, noWait);
      await order.becomes({ status: 'cancelled', paymentStatus: 'voided' });
      expect(await order.log()).not.toContain('StockReleased');
      await shipAndDeliver(await api.place());
      await stock.updateOne({ _id: sku }, { $set: { reserved: 2 } });
      await until(async () => expect(await order.log()).toContain('StockReleased'));
    },
    LIMIT_MS,
  );
});

test(
  'nonsensical signals change nothing, and the order continues',
  async () => {
    const order = await api.place();
    const handle = system.client.workflow.getHandle(workflowId(order.id));
    const envelope = () => ({
      commandId: randomUUID(),
      hash: 'h',
      correlationId: 'c',
      actor: 'somebody',
      requestId: 'r',
    });
    await handle.signal('HoldOrder', 'nonsense');
    await handle.signal('NoSuchCommand', {});
    await handle.signal('PaymentSettled', undefined);
    for (const data of [null, {}, { lines: 1 }, []]) {
      await handle.signal('CreateShipment', { ...envelope(), data });
      await handle.signal('DispatchShipment', { ...envelope(), data });
      await handle.signal('RequestReturn', { ...envelope(), data });
      await handle.signal('PaymentSettled', { ...envelope(), data });
    }
    await order.tell('notes', { text: 'still here' });
    expect((await order.view()).notes.map(({ text }) => text)).toEqual(['still here']);
    await order.tell('cancel', { reason: 'x' });
    await order.becomes({ status: 'cancelled' });
  },
  LIMIT_MS,
);
