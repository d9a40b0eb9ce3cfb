import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openTemporalGateway } from '../../../src/cli/connections/temporal-gateway.js';
import type { Session } from '../../../src/cli/script/script.js';
import { reconcileAll, reconcileOrders } from '../../../src/effects/proof/reconcile-orders.js';
import { endpointLog } from '../../../src/endpoint/endpoint-log.js';
import { logs } from '../../../src/entity-logs.js';
import { type AnyLog, workflowIdOf } from '../../../src/log/entity-log/entity-log.js';
import { journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import { orders as views } from '../../../src/views/orders.js';
import { placedOrder, startTestApi, terminateWhenRecorded, type TestApi } from '../../support/api.js';
import { listen } from '../../support/listen.js';
import { startSequencing } from '../../support/sequencing.js';
import { until } from '../../support/until.js';
import { runScript } from '../without-temporal.js';

let api: TestApi;
let env: Session['env'];
let orderId: string;
let stopSequencing: () => Promise<void>;
beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  stopSequencing = startSequencing(api.mongo.db);
  const { temporal, mongodb } = api.config;
  env = {
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_TASK_QUEUE: temporal.taskQueue,
    MONGODB_URI: mongodb.uri,
    MONGODB_DB: mongodb.db,
    ORDERS_URL: await api.app.listen({ host: '127.0.0.1', port: 0 }),
  };
  orderId = await placedOrder(api);
  await api.post(`/v1/orders/${orderId}/hold?consistency=projected`, { body: { reason: 'fraud check' } });
});
afterAll(async () => {
  await stopSequencing();
  await api.close();
});

async function orders(line: string, more: Session['env'] = {}) {
  return await runScript(line, { env: { ...env, ...more }, openTemporalGateway });
}

describe('time travel', () => {
  test('shows an order as it was, by version and by time', async () => {
    const first = await orders(`get ${orderId} --version 1 --json`);
    expect(JSON.parse(first.out)).toMatchObject({ orderId, version: 1, status: 'pending' });
    const now = await orders(`get ${orderId} --at ${new Date().toISOString()}`);
    expect(now).toMatchObject({ exitCode: 0, out: expect.stringContaining('held: fraud check') });
    expect(await orders(`get ${orderId} --version 99`)).toMatchObject({ exitCode: 3 });
    expect(await orders(`get ${orderId} --version 1 --strong`)).toMatchObject({ exitCode: 2 });
  });

  test('shows what changed, in total and event by event', async () => {
    const { exitCode, out } = await orders(`diff ${orderId} --from 1`);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/\/status +pending +→ +confirmed/);
    expect(out).toMatch(/v\d+ OrderHeld by \S+ at \S+: fraud check/);
    expect(out).toMatch(/\/holdReason +\+ +fraud check/);
    const json = await orders(`diff ${orderId} --from 1 --to 2 --json`);
    expect(JSON.parse(json.out)).toMatchObject({ orderId, from: 1, to: 2 });
    expect((await orders(`diff ${orderId} --from 2 --to 2`)).out).toContain('nothing happened');
    expect(await orders(`diff ${orderId} --from 3 --to 2`)).toMatchObject({ exitCode: 2 });
    expect(await orders(`diff ${randomUUID()}`)).toMatchObject({ exitCode: 3 });
  });
});

test('a rebuild that a later one has replaced is not waited for', async () => {
  let looks = 0;
  const rebuilt = { name: 'orders', at: '', exceptions: { count: 0, orderIds: [] } };
  const other = { rebuildId: 'r2', startedAt: '', done: 1, total: 2, perSecond: 1 };
  const states = [
    { ...rebuilt, rebuildId: 'r0' },
    { name: 'orders', rebuilding: other },
    { ...rebuilt, rebuildId: 'r2' },
  ];
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    if (request.method === 'POST')
      response.writeHead(202).end(JSON.stringify({ name: 'orders', rebuildId: 'r1' }));
    else response.end(JSON.stringify({ feed: {}, views: [], stores: [states[Math.min(2, looks++)]] }));
  });
  const port = await listen(server);
  const ended = await orders('rebuild orders', { ORDERS_URL: `http://127.0.0.1:${port}` });
  expect(ended).toMatchObject({ exitCode: 1, err: expect.stringContaining('rebuild_overtaken') });
  server.closeAllConnections();
  server.close();
});

describe('verify and reconcile', () => {
  test('verify prints that all is well, with what it has compared', async () => {
    await until(async () => {
      expect(await orders('verify')).toMatchObject({
        exitCode: 0,
        err: '',
        out: expect.stringContaining('all agree'),
      });
    });
    // If a busy worker is late with the workflow's state, the order is not proven, so it is tried
    // again.
    await until(async () => {
      const json = await orders(`verify --order ${orderId} --json`);
      expect(JSON.parse(json.out)).toMatchObject({ orders: 1, found: 0, discrepancies: [] });
    });
    await until(async () => expect(await orders('verify --sample 1')).toMatchObject({ exitCode: 0 }));
    expect(await orders('verify --sample 0')).toMatchObject({ exitCode: 2 });
  });

  test('reconcile prints that all is well, once there is a report', async () => {
    expect(await orders('reconcile')).toMatchObject({ exitCode: 3 });
    expect(await orders('reconcile --now')).toMatchObject({ exitCode: 3 });
    await reconciled();
    expect(await orders('reconcile')).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/1 order, 1 of them event by event\nnothing lagged\nnothing differs/),
    });
  });

  test('name the order, the version and the difference, and end with 1', async () => {
    await withChangedEvent(orderLog, `${orderId}:2`, async () => {
      await reconciled();
      for (const line of ['verify', `verify --order ${orderId}`, 'reconcile'])
        await until(async () => {
          const { exitCode, out, err } = await orders(line);
          expect({ line, exitCode }).toEqual({ line, exitCode: 1 });
          expect(out).toMatch(new RegExp(`${orderId} +2 +journal +differs +\\w+ is not the history's`));
          expect(err).toMatch(/^not_(verified|reconciled): 1 discrepancy/);
        });
      await until(async () => {
        const { out } = await orders('verify --json');
        expect(JSON.parse(out)).toMatchObject({ found: 1, discrepancies: [{ orderId, version: 2 }] });
      });
    });
  });

  test('reconcile prints what was found of endpoints, too, and ends with 1', async () => {
    const made = await orders('webhooks create https://shop.example/hooks --json');
    const { endpointId } = JSON.parse(made.out);
    const events = journal(endpointLog, api.mongo.db);
    await until(async () => expect(await events.findOne({ orderId: endpointId })).not.toBeNull());
    await withChangedEvent(endpointLog, `${endpointId}:1`, async () => {
      await until(async () => {
        const found = [...(await reconcileAll(deps(), { runId: randomUUID() }, () => undefined)).values()];
        expect(found.map((one) => one.found)).toEqual([0, 1]);
      });
      const { exitCode, out, err } = await orders('reconcile');
      expect(out).toMatch(/1 order, .*\nnothing lagged\nnothing differs\n.*1 endpoint, 1 of them/);
      expect(out).toMatch(/^ENDPOINT +VERSION/m);
      expect(out).toMatch(new RegExp(`${endpointId} +1 +journal +differs +\\w+ is not the history's`));
      expect({ exitCode, err }).toEqual({
        exitCode: 1,
        err: expect.stringMatching(/^not_reconciled: 1 discrepancy/),
      });
      const json = await orders('reconcile --json');
      expect(JSON.parse(json.out)).toMatchObject({
        orders: 1,
        found: 0,
        others: [{ entity: 'endpoint', found: 1, discrepancies: [{ orderId: endpointId, version: 1 }] }],
      });
    });
    await reconcileAll(deps(), { runId: randomUUID() }, () => undefined);
  });

  test('reconcile prints what it has repaired', async () => {
    await views(api.mongo.db).deleteOne({ _id: orderId });
    await reconciled();
    expect(await orders('reconcile')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining(`1 order lagged and was repaired: ${orderId}`),
    });
  });

  test('print which server is away', async () => {
    const away = { MONGODB_URI: 'mongodb://127.0.0.1:1/?directConnection=true' };
    for (const line of ['verify', 'reconcile'])
      expect(await orders(line, away)).toMatchObject({
        exitCode: 4,
        err: expect.stringMatching(/^mongodb_unreachable: MongoDB cannot be reached/),
      });
    const lost = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
    expect(await orders(`verify --order ${orderId}`, lost)).toMatchObject({
      exitCode: 4,
      err: expect.stringMatching(/^temporal_unreachable: Temporal at 127\.0\.0\.1:1 cannot be reached/),
    });
    expect(await orders('reconcile', lost)).toMatchObject({ exitCode: 0 });
  });

  function deps() {
    const { client, config, mongo } = api;
    return { client, db: mongo.db, taskQueue: config.temporal.taskQueue };
  }

  /** Runs `work` while an event in the journal has another actor than in the history. */
  async function withChangedEvent(log: AnyLog, _id: string, work: () => Promise<void>): Promise<void> {
    const events = journal(log, api.mongo.db);
    const recorded = await events.findOneAndUpdate({ _id }, { $set: { actor: 'nobody' } });
    try {
      await work();
    } finally {
      if (recorded !== null) await events.replaceOne({ _id }, recorded);
    }
  }

  async function reconciled(): Promise<void> {
    await until(async () => {
      const { orders: count } = await reconcileOrders(deps(), { runId: randomUUID() }, () => undefined);
      expect(count).toBe(1);
    });
  }
});

test.each(logs.map(({ entity }) => entity.name))('of %s, an unknown id ends with 3', async (name) => {
  const id = randomUUID();
  for (const line of [`verify --order ${id}`, `resume ${id}`])
    expect(await orders(`${line} --entity ${name}`)).toMatchObject({
      exitCode: 3,
      out: '',
      err: `${name}_not_found: there is no ${name} ${id}`,
    });
});

describe('resume', () => {
  test('prints what it would do, then does it, and leaves an order that is well unchanged', async () => {
    const lost = await placedOrder(api);
    const workflow = api.client.workflow.getHandle(`order-${lost}`);
    await terminateWhenRecorded(api, lost);
    const dry = await orders('resume --all --dry-run');
    expect(dry).toMatchObject({ exitCode: 0, out: expect.stringMatching(new RegExp(`${lost} +resumed`)) });
    expect((await workflow.describe()).status.name).toBe('TERMINATED');
    const all = JSON.parse((await orders('resume --all --reason terminated --json')).out);
    expect(all).toMatchObject({
      looked: 2,
      counts: { running: 1, resumed: 1 },
      orders: [{ orderId: lost, outcome: 'resumed', version: 4 }],
    });
    await until(async () =>
      expect((await orders(`events ${lost}`)).out).toMatch(/5 .* OrderResumed .* terminated/),
    );
    await until(async () =>
      expect(await orders(`resume ${lost}`)).toMatchObject({
        exitCode: 0,
        out: expect.stringMatching(/running +its workflow runs/),
      }),
    );
  });

  test('with --all resumes endpoints, too, unless --entity names another kind', async () => {
    const made = await orders('webhooks create https://shop.example/lost --json');
    const { endpointId } = JSON.parse(made.out);
    const events = journal(endpointLog, api.mongo.db);
    await until(async () => expect(await events.findOne({ orderId: endpointId })).not.toBeNull());
    const workflow = api.client.workflow.getHandle(workflowIdOf(endpointLog, endpointId));
    await workflow.terminate('a test');
    const ofOrders = await orders('resume --all --dry-run --entity order --json');
    expect(JSON.parse(ofOrders.out)).toMatchObject({ orders: [], others: [] });
    const all = await orders('resume --all');
    expect(all).toMatchObject({ exitCode: 0, err: '' });
    expect(all.out).toMatch(
      new RegExp(
        `orders checked: nothing to resume\\n\\d endpoints? checked: .*1 resumed.*\\n.*\\n${endpointId} +resumed`,
      ),
    );
    const { others } = JSON.parse((await orders('resume --all --json')).out);
    expect(others).toMatchObject([{ entity: 'endpoint', orders: [] }]);
    await until(async () => expect((await workflow.describe()).status.name).toBe('RUNNING'));
  });

  test('prints what it has done before a server fails', async () => {
    const { db } = api.mongo;
    const { collection } = endpointLog.view;
    await db.collection(collection).rename('kept');
    const fails = [{ $project: { finished: { $divide: [1, 0] } } }];
    await db.createCollection(collection, { viewOn: orderLog.view.collection, pipeline: fails });
    try {
      const { exitCode, out, err } = await orders('resume --all --dry-run');
      expect({ exitCode, err }).toEqual({ exitCode: 5, err: expect.stringMatching(/divide by zero/) });
      expect(out).toMatch(/^\d orders checked/);
      const json = await orders('resume --all --dry-run --json');
      expect(JSON.parse(json.out)).toMatchObject({ looked: expect.any(Number), others: [{ looked: 0 }] });
    } finally {
      await db.collection(collection).drop();
      await db.collection('kept').rename(collection);
    }
  });

  test('ends with 1 if an operator must decide', async () => {
    const broken = await placedOrder(api);
    await terminateWhenRecorded(api, broken);
    await journal(orderLog, api.mongo.db).updateOne({ _id: `${broken}:3` }, { $set: { actor: 'nobody' } });
    const { exitCode, out, err } = await orders(`resume ${broken}`);
    expect({ exitCode, err }).toEqual({ exitCode: 1, err: expect.stringMatching(/^not_resumed: 1 order/) });
    expect(out).toMatch(new RegExp(`${broken} +contradiction`));
    for (const line of ['resume', `resume ${broken} --all`])
      expect(await orders(line)).toMatchObject({ exitCode: 2 });
  });
});
