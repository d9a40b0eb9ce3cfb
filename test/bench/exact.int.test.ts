/**
 * The costs that do not depend on the speed of a machine. If a change alters one of these numbers,
 * change it here as well.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stockOutside } from '../../src/effects/inventory/stock-restore.js';
import { setUpSandbox } from '../../src/effects/payments/sandbox-set-up.js';
import { restoreEntities } from '../../src/log/rebuilding/restore-entities.js';
import { type Steps, orderLog, workflowId } from '../../src/order-log.js';
import type { Effect, Outcome } from '../../src/order/effects.js';
import { createActivities } from '../../workers/roles/activities.js';
import { keptOrder, manyStates, newLogs } from '../log/views/support.js';
import { orderBody, startTestApi, type TestApi } from '../support/api.js';
import { shared } from '../support/servers.js';
import { until } from '../support/until.js';
import { temporalCost, untilAtRest } from '../support/workflow-run.js';
import { fill } from './data/dataset.js';
import { delivery, happyPath, Story, type StoryStep } from './data/story.js';
import { examinedBy, type MongoCommands, watchCommands } from './mongo-commands.js';

const ORDERS = 300;

let api: TestApi;
let commands: MongoCommands;
beforeAll(async () => {
  api = await startTestApi({ MONGODB_URI: `${shared.mongodbUri}&monitorCommands=true` });
  await until(() => api.mongo.db.command({ ping: 1 }));
  commands = watchCommands(api.mongo.client);
  await fill(api.mongo.db, ORDERS, () => undefined);
  await setUpSandbox(api.mongo.db);
  // The search key is read once in a process. It is read here, so that no test counts it.
  await api.mongo.keyStore.searchKey();
  await api.startWorker();
});
afterAll(async () => {
  await api.close();
});

const recording = { first: 'insert find insert', later: 'insert update' };
const moving = 'insert update commitTransaction';
const stockPutBack = 'distinct find insert update update commitTransaction';
const authorizing = 'findAndModify';
const capturing = 'findAndModify findAndModify update';

test('each step of an order takes the same round trips to MongoDB', async () => {
  const activities = createActivities({ db: api.mongo.db });
  const story = new Story(randomUUID(), Date.now());
  const trips: string[][] = [];
  for (const command of happyPath(1)) {
    let step: StoryStep | undefined = story.tell(command);
    while (step !== undefined) {
      const { effect, events }: StoryStep = step;
      let outcome: Outcome | undefined;
      const started = await commands.of(async () => {
        if (effect === undefined) await activities.record({ events });
        else outcome = await perform(activities, events, effect);
      });
      trips.push([effect?.type ?? 'record', started.map(({ commandName }) => commandName).join(' ')]);
      step = effect === undefined || outcome === undefined ? undefined : story.settle(effect, outcome);
    }
  }
  expect(story.order.status).toBe('completed');
  expect(trips).toEqual([
    // The state of the stock is read in parallel with the movement.
    ['reserve', `${recording.first} find ${moving}`],
    ['authorize', `${recording.later} ${authorizing}`],
    ['record', recording.later],
    ['record', recording.later],
    ['deduct', `${recording.later} ${moving}`],
    ['capture', `${recording.later} ${capturing}`],
    ['record', recording.later],
    ['record', recording.later],
  ]);
});

test('orders whose first events are recorded at the same time share round trips to MongoDB', async () => {
  const { record } = createActivities({ db: api.mongo.db });
  const logs = newLogs(...manyStates, ...manyStates);
  const started = await commands.of(
    async () => await Promise.all(logs.map(async ([created]) => await record({ events: [created] }))),
  );
  // The first step begins immediately. All others arrive meanwhile and form one batch.
  const trips = `${recording.first} ${recording.first}`;
  expect(started.map(({ commandName }) => commandName).join(' ')).toBe(trips);
});

/** The activity that is named after the effect, as the workflow calls it. */
async function perform(activities: Steps, events: StoryStep['events'], effect: Effect): Promise<Outcome> {
  const step = activities[effect.type] as (input: StoryStep) => Promise<Outcome>;
  return await step({ events, effect });
}

test('restoring orders from their histories takes the same round trips, however many orders there are', async () => {
  const [closed, open] = [newLogs(...manyStates), newLogs(...manyStates)];
  const trips = async (logs: typeof open, isOpen: boolean): Promise<string> => {
    const kept = logs.map((log) => keptOrder(log, isOpen));
    const started = await commands.of(() =>
      restoreEntities(orderLog, { db: api.mongo.db, outside: stockOutside }, kept, () => undefined),
    );
    return started.map(({ commandName }) => commandName).join(' ');
  };
  expect(await trips(closed, false)).toBe(`${stockPutBack} distinct insert insert`);
  // The aggregation reads whether these orders have newer events by now.
  expect(await trips(open, true)).toBe(`${stockPutBack} distinct insert insert aggregate`);
});

describe('round trips of the API, and documents examined', () => {
  const order = 'bench-00000001';
  // The cache is used as soon as its change stream has answered.
  beforeAll(async () => {
    await until(async () =>
      expect(await commands.of(() => api.get('/v1/orders/bench-00000002'))).toHaveLength(0),
    );
  });
  test.each<[string, string, readonly (readonly [examined: number, returned: number])[]]>([
    ['an order', `/v1/orders/${order}`, [[1, 1]]],
    ['the same order again', `/v1/orders/${order}`, []],
    ['orders, newest first', '/v1/orders', [[51, 51]]],
    ['a long page of orders', '/v1/orders?limit=200', [[201, 201]]],
    ['orders by status', '/v1/orders?status=completed', [[51, 51]]],
    ['orders by status and total', '/v1/orders?status=completed&sort=-total&total[gte]=4500', [[51, 51]]],
    [
      'orders by status and time',
      '/v1/orders?status=completed&createdAt[lt]=2026-01-01T03:00:00Z',
      [[51, 51]],
    ],
    ['orders of a customer', '/v1/orders?customerId=c-7', [[1, 1]]],
    ['orders with a SKU', '/v1/orders?sku=S-7', [[1, 1]]],
    ['orders with a tag', '/v1/orders?tag=web', [[51, 51]]],
    ['orders with a word', '/v1/orders?q=ada7', [[11, 11]]],
    ['the log of an order', `/v1/orders/${order}/events`, [[14, 14]]],
    [
      'a page of the feed, and its generation before and after',
      '/v1/events?after=100&limit=100',
      [
        [1, 1],
        [100, 100],
        [1, 1],
      ],
    ],
    ['an order as it was', `/v1/orders/${order}?version=5`, [[5, 5]]],
    [
      'a customer',
      '/v1/customers/c-7',
      [
        [1, 1],
        [1, 1],
      ],
    ],
  ])('%s', async (_name, path, expected) => {
    const started = await commands.of(async () => {
      expect((await api.get(path)).status).toBe(200);
    });
    expect(started.map(({ commandName }) => commandName)).toEqual(expected.map(() => 'find'));
    expect(started.map(({ command }) => command['maxTimeMS'] > 0)).toEqual(expected.map(() => true));
    const seen = await Promise.all(started.map((command) => examinedBy(api.mongo.db, command)));
    expect(seen.map(({ examined, returned }) => [examined, returned])).toEqual(expected);
  });

  test('a page of a list costs the same at any depth', async () => {
    let cursor = '';
    // With a cursor, the last document of the previous page is examined again.
    for (const examined of [51, 52, 52, 52]) {
      const started = await commands.of(async () => {
        const { body } = await api.get(`/v1/orders?status=completed${cursor}`);
        cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`;
      });
      expect(await Promise.all(started.map((command) => examinedBy(api.mongo.db, command)))).toEqual([
        { examined, returned: 51 },
      ]);
    }
  });
});

test('an order always costs the same in Temporal, and its commands the same in MongoDB', async () => {
  const trips: string[] = [];
  const send = async (path: string, body: object, status: number): Promise<{ [name: string]: string }> => {
    let answer: { [name: string]: string } = {};
    const headers = { 'idempotency-key': randomUUID() };
    const started = await commands.of(async () => {
      const reply = await api.post(path, { body, headers });
      expect(reply.status).toBe(status);
      answer = reply.body;
    });
    // The customer's key is in another database, and is cached for a second.
    const ofOrders = started.filter(({ databaseName }) => databaseName === api.mongo.db.databaseName);
    trips.push(ofOrders.map(({ commandName }) => commandName).join(' '));
    await untilAtRest(api.client, workflowId(answer['orderId'] ?? ''));
    return answer;
  };
  const { orderId = '' } = await send('/v1/orders', orderBody(), 201);
  const path = `/v1/orders/${orderId}/shipments`;
  const { shipmentId } = await send(path, {}, 200);
  await send(`${path}/${shipmentId}/dispatch`, delivery, 200);
  await send(`${path}/${shipmentId}/deliver`, {}, 200);

  // A create with a key looks it up in the journal; the other commands only ask the workflow.
  expect(trips).toEqual(['find', '', '', '']);
  const { bytes, ...cost } = await temporalCost(api.client, workflowId(orderId));
  expect(cost).toEqual({ events: 72, stateTransitions: 30, actions: 12, otherActions: 4 });
  expect(bytes).toBeLessThan(17_000);
});
