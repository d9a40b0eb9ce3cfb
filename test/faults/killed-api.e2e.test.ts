import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { derivedId } from '../../src/log/gateway/derived-ids.js';
import { readJournal } from '../../src/log/journal/read-journal.js';
import { workflowId, orderLog } from '../../src/order-log.js';
import { audit } from '../support/audit.js';
import { key } from '../support/headers.js';
import { apiAt, byDhl, orderBody } from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const LIMIT_MS = 120_000;
/**
 * Makes the answer wait until the order is at rest, so that the API can be killed before it
 * answers.
 */
const slowly = { prefer: 'wait=30' };

let system: System;
beforeAll(() => {
  system = createSystem();
});
afterAll(async () => {
  await system.end();
}, LIMIT_MS);

test(
  'a create whose answer was lost is repeated, and makes one order',
  async () => {
    const first = await system.start('write,read');
    const sent = key('create-1');
    const answer = apiAt(first.address).post('/v1/orders', {
      body: orderBody(),
      headers: { ...sent, ...slowly },
    });
    const lost = expect(answer).rejects.toThrow();
    const orderId = derivedId('anonymous', 'create-1');
    await until(() => system.client.workflow.getHandle(workflowId(orderId)).describe());
    await first.kill();
    await lost;

    const [second] = await Promise.all([system.start('write,read'), system.start('worker')]);
    const api = apiAt(second.address);
    expect(await api.post('/v1/orders', { body: orderBody(), headers: sent })).toMatchObject({
      status: 201,
      headers: { 'idempotent-replayed': 'true' },
      body: { orderId },
    });
    await api.order(orderId).becomes({ status: 'confirmed' });
    expect(await audit(system)).toMatchObject([{ orderId, order: { authorizations: [{ amount: 3998 }] } }]);
    await second.stop();
  },
  LIMIT_MS,
);

test(
  'a command whose answer was lost is repeated, and takes effect once',
  async () => {
    const first = await system.start('write,read');
    const sku = 'TAKEN-1';
    const order = await apiAt(first.address).place({ lines: [{ sku, quantity: 2, unitPrice: 1999 }] });
    // Without its stock the order does not come to rest after the dispatch, so the answer waits.
    const stock = system.db.collection<{ _id: string }>('stock');
    await stock.updateOne({ _id: sku }, { $set: { reserved: 0 } });
    const { body } = await order.tell('shipments');
    const path = `/v1/orders/${order.id}/shipments/${body.shipmentId}/dispatch`;
    const sent = key('dispatch-1');
    const answer = apiAt(first.address).post(path, { body: byDhl, headers: { ...sent, ...slowly } });
    const lost = expect(answer).rejects.toThrow();
    const dispatched = await until(async () => {
      const event = (await readJournal(orderLog, system.db, order.id)).find(
        ({ type }) => type === 'ShipmentDispatched',
      );
      expect(event).toBeDefined();
      return event;
    });
    await first.kill();
    await lost;
    await stock.updateOne({ _id: sku }, { $set: { reserved: 2 } });

    const second = await system.start('write,read');
    const api = apiAt(second.address);
    expect(await api.post(path, { body: byDhl, headers: sent })).toMatchObject({
      status: 200,
      headers: { 'idempotent-replayed': 'true' },
      body: { version: dispatched?.version, events: [{ type: 'ShipmentDispatched' }] },
    });
    const log = api.order(order.id);
    await log.becomes({ captured: 3998 });
    expect((await log.log()).filter((type) => type === 'ShipmentDispatched')).toHaveLength(1);
    await audit(system);
  },
  LIMIT_MS,
);
