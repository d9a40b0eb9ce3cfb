import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sandboxTestCarriers } from '../../src/effects/carriers/port.js';
import { sandboxCarriers, sandboxLabels } from '../../src/effects/carriers/sandbox-carriers.js';
import { type LedgerEntry, sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { workflowId } from '../../src/order-log.js';
import { audit } from '../support/audit.js';
import { breakableMongodb } from '../support/breakable-server.js';
import {
  type Api,
  apiAt,
  byDhl,
  orderBody,
  paidWith,
  type PlacedOrder,
} from '../support/orders-over-http.js';
import type { RoleProcess } from '../support/role-process.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';

const LIMIT_MS = 180_000;
const noWait = { prefer: '' };

describe('each effect happens once', () => {
  let system: System;
  let api: Api;
  let worker: RoleProcess;

  beforeAll(async () => {
    system = createSystem();
    const [server, first] = await Promise.all([system.start('write,read'), system.start('worker')]);
    api = apiAt(server.address);
    worker = first;
  }, LIMIT_MS);
  afterAll(async () => {
    await system.end();
  }, LIMIT_MS);

  test(
    'when the worker is killed during an authorization',
    async () => {
      const order = await authorizing(system, api);
      await worker.kill();
      worker = await system.start('worker');
      await order.becomes({ status: 'confirmed', authorized: 3998 }, 60);
      expect(await calls(system, order, 'authorize')).toEqual([2]);
    },
    LIMIT_MS,
  );

  test(
    'when the worker is killed during a capture',
    async () => {
      const order = await caught(system, 'capture', async () => {
        const shipped = await api.place(paidWith('tok_slow'));
        const { body } = await shipped.tell('shipments');
        await shipped.tell(`shipments/${body.shipmentId}/dispatch`, byDhl, noWait);
        return shipped;
      });
      await worker.kill();
      worker = await system.start('worker');
      await order.becomes({ captured: 3998 }, 60);
      expect(await calls(system, order, 'capture')).toEqual([2]);
    },
    LIMIT_MS,
  );

  test(
    'when the worker is killed during an authorization, and the order is cancelled meanwhile',
    async () => {
      const order = await authorizing(system, api);
      await worker.kill();
      const cancel = await api.post(`/v1/orders/${order.id}/cancel`, {
        body: { reason: 'no patience' },
        headers: { prefer: 'respond-async' },
      });
      expect(cancel.status).toBe(202);
      worker = await system.start('worker');
      await order.becomes({ status: 'cancelled', paymentStatus: 'voided' }, 60);
      expect(await calls(system, order, 'authorize')).toEqual([2]);
    },
    LIMIT_MS,
  );

  test(
    'when a worker freezes, is given up, and resumes later',
    async () => {
      const order = await authorizing(system, api);
      const frozen = worker;
      frozen.freeze();
      worker = await system.start('worker');
      await until(async () => expect(await calls(system, order, 'authorize')).toEqual([2]), 60);
      frozen.thaw();
      await order.becomes({ status: 'confirmed', authorized: 3998 }, 60);
      await frozen.stop();
    },
    LIMIT_MS,
  );

  test(
    'when the worker is killed between the booking of a label and its record',
    async () => {
      const order = await booking(system, api);
      await worker.kill();
      const [shipment] = (await order.view()).shipments;
      expect(shipment?.label).toEqual({ status: 'requested', carrier: sandboxTestCarriers.slow });
      worker = await system.start('worker');
      await order.becomes({ shipments: [{ label: { status: 'booked' } }] }, 60);
      const labels = await sandboxLabels(system.db).find({ orderId: order.id }).toArray();
      // The outcome of the key was looked up, and the carrier was not called again.
      expect(labels).toMatchObject([{ calls: 1, outcome: { type: 'booked' } }]);
    },
    LIMIT_MS,
  );

  test(
    'when the worker is killed and the webhook of a parcel is lost',
    async () => {
      const order = await api.place();
      await order.tell('shipments');
      await order.tell('shipments/s1/label');
      await order.becomes({ shipments: [{ label: { status: 'booked' } }] });
      await order.tell('shipments/s1/dispatch');
      const { label } = (await order.view()).shipments[0] ?? {};
      if (label?.status !== 'booked') throw new Error('No label is booked.');
      await worker.kill();
      await sandboxCarriers(system.db).deliver(label);
      worker = await system.start('worker', { TRACK_INTERVAL: '100ms' });
      await order.becomes({ status: 'completed' }, 60);
      expect((await order.log()).filter((type) => type === 'ShipmentDelivered')).toHaveLength(1);
    },
    LIMIT_MS,
  );

  test(
    'according to the ledgers, for every order above',
    async () => {
      expect((await audit(system)).length).toBeGreaterThanOrEqual(6);
    },
    LIMIT_MS,
  );
});

test(
  'each effect happens once when the order continues as new while the journal is away',
  async () => {
    const mongodb = await breakableMongodb();
    const system = createSystem({ mongodb: mongodb.address });
    try {
      const { address } = await system.start('write,read,worker', { CONTINUE_AS_NEW_AFTER: '30' });
      const api = apiAt(address);
      const shipped = await api.place();
      const placed = await authorizing(system, api);
      mongodb.freeze();
      const { body } = await shipped.tell('shipments', {}, noWait);
      await shipped.tell(`shipments/${body.shipmentId}/dispatch`, byDhl, noWait);
      for (const order of [shipped, placed]) {
        const run = await runOf(system, order);
        await until(async () => {
          await order.tell('notes', { text: 'the journal is away' }, noWait);
          expect(await runOf(system, order)).not.toBe(run);
        });
      }
      mongodb.thaw();

      await placed.becomes({ status: 'confirmed', authorized: 3998 }, 60);
      await shipped.becomes({ captured: 3998 }, 60);
      await shipped.tell(`shipments/${body.shipmentId}/deliver`);
      await shipped.becomes({ status: 'completed' });
      const audited = await audit(system);
      expect(audited.filter(({ runs }) => runs > 1)).toHaveLength(2);
    } finally {
      await system.end();
      await mongodb.end();
    }
  },
  LIMIT_MS,
);

function ledger({ db }: System) {
  return sandboxLedger(db);
}

async function authorizing(system: System, api: Api): Promise<PlacedOrder> {
  return await caught(system, 'authorize', async () => {
    const { body } = await api.post('/v1/orders', { body: orderBody(paidWith('tok_slow')) });
    return api.order(String(body.orderId));
  });
}

/**
 * An order whose label is booked and whose worker still waits for the answer. If the worker has the
 * answer already, tries another order.
 */
async function booking(system: System, api: Api): Promise<PlacedOrder> {
  for (;;) {
    const order = await api.place();
    await order.tell('shipments');
    await order.tell('shipments/s1/label', { carrier: sandboxTestCarriers.slow }, noWait);
    await until(async () =>
      expect(await sandboxLabels(system.db).countDocuments({ orderId: order.id })).toBe(1),
    );
    if ((await order.view()).shipments[0]?.label?.status === 'requested') return order;
  }
}

/**
 * An order with a call to the provider in progress; `tok_slow` takes two seconds. If the call has
 * ended by the time of the check, tries another order.
 */
async function caught(
  system: System,
  type: LedgerEntry['type'],
  begin: () => Promise<PlacedOrder>,
): Promise<PlacedOrder> {
  for (;;) {
    const order = await begin();
    const entry = await until(async () => {
      const found = await ledger(system).findOne({ orderId: order.id, type });
      if (found === null) throw new Error(`The provider was not asked to ${type} yet.`);
      return found;
    });
    if (entry.outcome === undefined) return order;
  }
}

/** The number of calls to the provider, by key. */
async function calls(
  system: System,
  { id }: PlacedOrder,
  type: LedgerEntry['type'],
): Promise<readonly number[]> {
  const entries = await ledger(system).find({ orderId: id, type }).toArray();
  return entries.map((entry) => entry.calls);
}

async function runOf({ client }: System, { id }: PlacedOrder): Promise<string> {
  return (await client.workflow.getHandle(workflowId(id)).describe()).runId;
}
