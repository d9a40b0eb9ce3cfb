import { randomUUID } from 'node:crypto';
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { openAll } from '../../src/sealing/opening.js';
import { reconcileOrders } from '../../src/effects/proof/reconcile-orders.js';
import { verifyOrders } from '../../src/effects/proof/verify-orders.js';
import { forks } from '../../src/log/journal/fork.js';
import { resumeAll } from '../../src/log/resume/resume-all.js';
import type { ResumeReport } from '../../src/log/resume/resume-report.js';
import { resume } from '../../src/log/resume/resume.js';
import { workflowId, orderLog } from '../../src/order-log.js';
import { isFinished } from '../../src/order/order.js';
import { readConfig } from '../../src/server/config.js';
import { connectTemporal } from '../../src/server/connections.js';
import { orders } from '../../src/views/orders.js';
import { audit } from '../support/audit.js';
import { type BreakableServer, breakableTemporal } from '../support/breakable-server.js';
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

const LIMIT_MS = 900_000;
const noWait = { prefer: '' };
const roles = 'write,read,worker';

let temporal: BreakableServer;
let system: System;
let app: RoleProcess;
let api: Api;

beforeAll(async () => {
  temporal = await breakableTemporal();
}, LIMIT_MS);
afterAll(async () => {
  await temporal.end();
}, LIMIT_MS);

async function startSystem(): Promise<void> {
  system = createSystem({ temporal: temporal.address });
  await startApp();
}

async function startApp(): Promise<void> {
  app = await system.start(roles);
  api = apiAt(app.address);
}

async function resumed(): Promise<readonly ResumeReport[]> {
  const asked = { commandId: `tester ${randomUUID()}`, hash: 'resume', correlationId: 'c', actor: 'tester' };
  const reports: ResumeReport[] = [];
  for await (const report of resumeAll(
    orderLog,
    system,
    { ...asked, reason: 'Temporal was lost' },
    { answerWithinMs: 60_000 },
  ))
    reports.push(report);
  return reports;
}

function outcomes(reports: readonly ResumeReport[]) {
  return Object.fromEntries(reports.map(({ orderId, outcome }) => [orderId, outcome]));
}

async function ship(order: PlacedOrder, headers = {}): Promise<PlacedOrder> {
  const { body } = await order.tell('shipments');
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl, headers);
  return order;
}

async function complete(order: PlacedOrder): Promise<PlacedOrder> {
  await ship(order);
  await order.tell('shipments/s1/deliver');
  return order;
}

/**
 * The states in which an order may be when Temporal is lost: how an order gets into each, and how
 * it then reaches its end.
 */
const ways: Readonly<
  Record<
    string,
    { readonly to: () => Promise<PlacedOrder>; readonly on?: (order: PlacedOrder) => Promise<unknown> }
  >
> = {
  'payment pending': {
    to: () => api.place(paidWith('tok_pending')),
    on: async (order) => await order.tell('cancel', { reason: 'never paid' }),
  },
  confirmed: { to: () => api.place(), on: complete },
  held: {
    to: async () => {
      const order = await api.place();
      await order.tell('hold', { reason: 'fraud check' });
      return order;
    },
    on: async (order) => {
      await order.tell('release');
      await complete(order);
    },
  },
  'in a shipment': {
    to: async () => {
      const order = await api.place();
      await order.tell('shipments');
      return order;
    },
    on: async (order) => {
      await order.tell('shipments/s1/dispatch', byDhl);
      await order.tell('shipments/s1/deliver');
    },
  },
  'capture declined': {
    to: async () => await ship(await api.place(paidWith('tok_capture_declined'))),
    on: async (order) => {
      await order.tell('capture');
      await order.tell('shipments/s1/deliver');
    },
  },
  'returns open': {
    to: async () => {
      const order = await complete(await api.place());
      await order.tell('returns', { lines: [{ sku: 'A-1', quantity: 1 }], reason: 'too bright' });
      return order;
    },
    on: async (order) => await order.tell('returns/r1/receive'),
  },
  cancelled: {
    to: async () => {
      const order = await api.place();
      await order.tell('cancel', { reason: 'changed my mind' });
      return order;
    },
  },
  declined: { to: () => api.place(paidWith('tok_declined')) },
  // In the last two states, an effect is in progress.
  'mid-capture': {
    to: async () => await ship(await api.place(paidWith('tok_slow')), noWait),
    on: async (order) => await order.tell('shipments/s1/deliver'),
  },
  'mid-authorization': {
    to: async () => {
      const { body } = await api.post('/v1/orders', { body: orderBody(paidWith('tok_slow')) });
      // Until then, the order is accepted and only in Temporal.
      const orderId = String(body.orderId);
      await until(async () => expect(await orders(system.db).findOne({ orderId })).not.toBeNull(), 120);
      return api.order(orderId);
    },
    on: complete,
  },
};

/** Places this many orders of each state, several at a time. */
async function placeAll(ofEach: number): Promise<ReadonlyMap<string, readonly string[]>> {
  const placed = new Map<string, string[]>();
  for (const [name, { to }] of Object.entries(ways)) {
    const ids: string[] = [];
    while (ids.length < ofEach)
      ids.push(
        ...(await Promise.all(Array.from({ length: Math.min(10, ofEach - ids.length) }, to))).map(
          ({ id }) => id,
        ),
      );
    placed.set(name, ids);
  }
  return placed;
}

async function goOn(placed: ReadonlyMap<string, readonly string[]>): Promise<void> {
  for (const [name, ids] of placed) {
    const on = ways[name]?.on;
    if (on === undefined) continue;
    for (let from = 0; from < ids.length; from += 10)
      await Promise.all(ids.slice(from, from + 10).map((id) => on(api.order(id))));
  }
}

async function unfinished(): Promise<readonly string[]> {
  const views = await orders(system.db).find().toArray();
  return views.filter(({ state }) => !isFinished(state)).map(({ _id }) => _id);
}

async function finished(): Promise<readonly string[]> {
  const views = await orders(system.db).find().toArray();
  return views.filter(({ state }) => isFinished(state)).map(({ _id }) => _id);
}

/**
 * Waits until no order owes an effect, in the views as well, so that the audit finds all of them at
 * rest.
 */
async function untilAllAtRest(): Promise<void> {
  await until(async () => expect(await orders(system.db).countDocuments({ settled: false })).toBe(0), 120);
}

async function reconciled(by = {}) {
  const { client, db, taskQueue } = system;
  const these = { client, db, taskQueue, rotationLimit: 0, recentLimit: 0 };
  return await reconcileOrders(these, { runId: randomUUID(), ...by }, () => undefined);
}

describe('Temporal loses 200 orders in every state', () => {
  beforeAll(startSystem, LIMIT_MS);
  afterAll(async () => {
    await system.end();
  }, LIMIT_MS);

  test(
    'and one command restores them: nothing is lost, charged twice, reserved twice or shipped twice',
    async () => {
      const placed = await placeAll(20);
      await app.kill();
      await temporal.stop();
      for (const name of await readdir(temporal.folder))
        if (name.startsWith('temporal.db')) await rm(join(temporal.folder, name));
      await temporal.revive();
      const [left, lost] = [await unfinished(), await finished()];
      expect(left.length + lost.length).toBe(200);
      expect(left.length).toBeGreaterThanOrEqual(150);
      await startApp();

      const report = await reconciled();
      expect(report.found).toBe(left.length);
      const someId = left[0] ?? '';
      const view = await api.order(someId).view();
      expect(view.allowedCommands).toEqual([]);
      const refused = await api.post(`/v1/orders/${someId}/hold`, { body: { reason: 'x' } });
      expect(refused).toMatchObject({ status: 409, body: { code: 'workflow_ended' } });
      const fact = { orderId: someId, reference: 'r', authorizationId: 'a' };
      expect((await api.webhook('payments', 'payment.authorized', fact)).status).toBe(503);

      expect(outcomes(await resumed())).toEqual(Object.fromEntries(left.map((id) => [id, 'resumed'])));
      await untilAllAtRest();
      await audit(system, [], lost);
      expect((await reconciled()).found).toBe(0);
      await goOn(placed);
      await untilAllAtRest();
      for (const { order, events } of await audit(system, [], lost)) {
        expect(events.filter(({ type }) => type === 'OrderResumed')).toHaveLength(
          left.includes(order.orderId) ? 1 : 0,
        );
        expect(order.status === 'confirmed' || order.status === 'pending').toBe(false);
      }
    },
    LIMIT_MS,
  );
});

describe('Temporal is restored from an older copy while orders change', () => {
  beforeAll(startSystem, LIMIT_MS);
  afterAll(async () => {
    await system.end();
  }, LIMIT_MS);

  test(
    'and the journal wins: each order continues from what the journal has',
    async () => {
      const before = await placeAll(3);
      await untilAllAtRest();
      await app.stop();
      await temporal.stop();
      const copy = `${temporal.folder}-copy`;
      await cp(temporal.folder, copy, { recursive: true });
      await temporal.revive();
      await startApp();
      // A reconciliation that MongoDB remembers and the restored Temporal lacks.
      const canary = await system.client.workflow.start('reconcile', {
        taskQueue: 'none',
        workflowId: `canary-${randomUUID()}`,
      });
      const by = { workflowId: canary.workflowId, runId: canary.firstExecutionRunId };
      expect((await reconciled(by)).found).toBe(0);
      await goOn(before);
      const after = await placeAll(3);
      await app.kill();
      await temporal.stop();
      await rm(temporal.folder, { recursive: true });
      await cp(copy, temporal.folder, { recursive: true });
      await temporal.revive();
      const lost = await finished();
      await startApp();
      // Commands arrive before the loss is detected. Acknowledged ones are judged again once the
      // orders are resumed.
      const [early = ''] = before.get('confirmed') ?? [];
      await api.post(`/v1/orders/${early}/notes`, {
        body: { text: 'early' },
        headers: { prefer: 'respond-async' },
      });
      await until(async () => {
        const view = await api.order(early).view();
        expect(view.allowedCommands).toEqual([]);
      });

      await reconciled();
      const stopped = await orders(system.db).distinct('_id', { stopped: { $exists: true } });
      expect(stopped).toEqual(expect.arrayContaining([...(await unfinished())]));
      const reports = await resumed();
      expect(reports.filter(({ remedy }) => remedy !== undefined)).toEqual([]);
      await untilAllAtRest();
      const known = new Set<string>();
      for await (const { workflowId: id } of system.client.workflow.list({
        query: `WorkflowType = 'order' AND TaskQueue = '${system.taskQueue}'`,
      }))
        known.add(id);
      await goOn(after);
      await untilAllAtRest();
      const gone = lost.filter((orderId) => !known.has(workflowId(orderId)));
      const audited = await audit(system, [], gone);
      const order = audited.find(({ orderId }) => orderId === early)?.order;
      const { value: opened } = await openAll(system.keyStore, order);
      expect(opened?.notes.map(({ text }) => text)).toEqual(['early']);
    },
    LIMIT_MS,
  );
});

test(
  'a replaced run in a Temporal that comes back ends itself and changes nothing',
  async () => {
    const other = await breakableTemporal();
    await startSystem();
    const config = readConfig({ TEMPORAL_ADDRESS: other.address });
    const connection = connectTemporal(config);
    try {
      const client = new Client({ connection, namespace: config.temporal.namespace });
      const order = await api.place();
      const late = await api.place();
      const successor = await system.start(roles, { TEMPORAL_ADDRESS: other.address });
      const these = { client, db: system.db, taskQueue: system.taskQueue };
      const asked = {
        commandId: 'tester k',
        hash: 'resume',
        correlationId: 'c',
        actor: 'tester',
        reason: 'moved',
      };
      for (const { id } of [order, late])
        expect(await resume(orderLog, these, id, asked, { answerWithinMs: 60_000 })).toMatchObject({
          outcome: 'resumed',
          version: 4,
        });
      // The replaced run is still alive and receives messages. Several arrive concurrently, so
      // that the second does not directly follow a recorded event.
      await Promise.all(
        [1, 2, 3].map((n) => api.post(`/v1/orders/${order.id}/notes`, { body: { text: `old ${n}` } })),
      );
      const old = system.client.workflow.getHandle(workflowId(order.id));
      await until(async () => expect((await old.describe()).status.name).toBe('FAILED'));
      await expect(old.result()).rejects.toMatchObject({ cause: { type: 'Superseded' } });
      expect(await forks(orderLog, system.db).countDocuments()).toBe(0);
      const told = await api.post(`/v1/orders/${order.id}/notes`, { body: { text: 'too late' } });
      expect(told.body).toMatchObject({ code: 'workflow_ended' });

      const next = apiAt(successor.address);
      for (const { id } of [order, late]) {
        const { body } = await next.order(id).tell('shipments');
        await next.order(id).tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
        await next.order(id).tell(`shipments/${body.shipmentId}/deliver`);
        expect(await next.order(id).view()).toMatchObject({ status: 'completed', notes: [], captured: 3998 });
        const { discrepancies } = await verifyOrders(these, { orderId: id });
        expect(discrepancies.filter(({ where }) => where !== 'positions')).toEqual([]);
      }
    } finally {
      await system.end();
      await connection.close();
      await other.end();
    }
  },
  LIMIT_MS,
);
