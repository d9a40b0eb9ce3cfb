import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { CommandStartedEvent, Db } from 'mongodb';
import { deliverWebhooks } from '../../../src/delivery/webhooks/deliver-webhooks.js';
import { subscriptionRows } from '../../../src/delivery/webhooks/rows.js';
import { endpointLog } from '../../../src/endpoint/endpoint-log.js';
import { endpoints } from '../../../src/endpoint/endpoint.js';
import { append } from '../../../src/log/append.js';
import { runLeasedTasks, type LeasedTask } from '../../../src/log/leases/leased-tasks.js';
import { unheldTasks } from '../../../src/log/leases/leases.js';
import { record } from '../../../src/log/recording/recording.js';
import { createFeedTasks } from '../../../src/log/views/feed-tasks.js';
import { watchBuildsAndFeeds } from '../../../src/log/views/feeding/watch-builds-and-feeds.js';
import { orderLog } from '../../../src/order-log.js';
import { DeadlineExceeded } from '../../../src/outages/timeout.js';
import { customers } from '../../../src/views/customers.js';
import { createFeedWork } from '../../../workers/roles/feed-work.js';
import { startTestApi, type TestApi } from '../../support/api.js';
import { shared } from '../../support/servers.js';
import { until } from '../../support/until.js';

const now = '2026-01-01T00:00:00.000Z';
const cause = { occurredAt: now, commandId: 'shop 1', correlationId: 'c', causationId: 'x', actor: 'shop' };

let api: TestApi;
let db: Db;
beforeAll(async () => {
  api = await startTestApi({ MONGODB_URI: `${shared.mongodbUri}&monitorCommands=true` });
  ({ db } = api.mongo);
});
afterAll(async () => {
  await api.close();
});

const processes: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  processes.length = 0;
});

/** A process that runs these tasks, and can be cut off from MongoDB. */
function start(tasks: readonly LeasedTask[]) {
  const stopping = new AbortController();
  const failures: unknown[] = [];
  let isCut = false;
  const collection = (name: string) => {
    if (isCut) throw new Error('This process does not reach MongoDB.');
    return db.collection(name);
  };
  const done = runLeasedTasks({
    db: Object.create(db, { collection: { value: collection } }),
    tasks,
    signal: stopping.signal,
    healthOf: () => ({ failed: (error) => failures.push(error), worked: () => undefined }),
  });
  const process = {
    failures,
    cut: (is: boolean) => void (isCut = is),
    async stop() {
      stopping.abort();
      await done;
    },
  };
  processes.push(process);
  return process;
}

/** Tasks that note in `at` which process runs them. */
function tasksOf(who: string, names: readonly string[], at: Map<string, string[]>): readonly LeasedTask[] {
  return names.map((name) => ({
    name,
    async work(signal) {
      at.set(name, [...(at.get(name) ?? []), who]);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      at.set(
        name,
        (at.get(name) ?? []).filter((one) => one !== who),
      );
    },
  }));
}

const twoNames = () => [`first-${randomUUID()}`, `second-${randomUUID()}`];

test('one of two processes runs all tasks, and the other runs them when the first one stops', async () => {
  const names = twoNames();
  const at = new Map<string, string[]>();
  const one = start(tasksOf('one', names, at));
  await until(async () => expect([...at]).toEqual(names.map((name) => [name, ['one']])));
  const two = start(tasksOf('two', names, at));
  await until(async () =>
    expect(await unheldTasks(db, [...names, 'unheard-of'])).toEqual([{ task: 'unheard-of' }]),
  );
  await one.stop();
  await until(async () => expect([...at]).toEqual(names.map((name) => [name, ['two']])));
  await two.stop();
  expect(await unheldTasks(db, names)).toEqual(names.map((task) => ({ task, since: expect.any(Date) })));
});

test('a process that is cut off reports it and ends its tasks, and another process runs them', async () => {
  const [name = ''] = twoNames();
  const at = new Map<string, string[]>();
  const one = start(tasksOf('one', [name], at));
  await until(async () => expect(at.get(name)).toEqual(['one']));
  one.cut(true);
  start(tasksOf('two', [name], at));
  await until(async () => expect(at.get(name)).toEqual(['two']));
  expect(one.failures).toContainEqual(new Error('This process does not reach MongoDB.'));
});

test('a lease that was granted before MongoDB’s clock was set back has expired', async () => {
  const [name = ''] = twoNames();
  const lease = { holder: 'before', until: new Date(Date.now() + 3_600_000) };
  await db
    .collection<{ _id: string }>('leases')
    .updateOne({ _id: 'feed' }, { $set: { [`tasks.${name}`]: lease } }, { upsert: true });
  expect(await unheldTasks(db, [name])).toEqual([{ task: name, since: lease.until }]);
  const at = new Map<string, string[]>();
  start(tasksOf('one', [name], at));
  await until(async () => expect(at.get(name)).toEqual(['one']));
  await until(async () => expect(await unheldTasks(db, [name])).toEqual([]));
});

test('the sequencer fails if Temporal does not answer, so that another process may lead', async () => {
  const { client, tail } = api;
  const never = new Promise<never>(() => undefined);
  const deps = {
    db,
    client,
    tail,
    views: [customers],
    taskQueue: 'none',
    detectDatabaseLoss: async () => await never,
    requestRebuild: async () => await never,
  };
  const [sequencer] = createFeedTasks(orderLog, deps);
  await expect(sequencer?.work(new AbortController().signal, () => undefined)).rejects.toBeInstanceOf(
    DeadlineExceeded,
  );
});

test('a task that keeps failing in one process moves to another process', async () => {
  const [broken = '', well = ''] = twoNames();
  const at = new Map<string, string[]>();
  const failing: LeasedTask = {
    name: broken,
    async work(_, heartbeat) {
      heartbeat();
      throw new Error('not here');
    },
  };
  const one = start([failing, ...tasksOf('one', [well], at)]);
  await until(async () => expect(at.get(well)).toEqual(['one']));
  start(tasksOf('two', [broken, well], at));
  await until(async () => expect(at.get(broken)).toEqual(['two']));
  // A process that renews late may lose a lease to the other one.
  await until(async () => expect(at.get(well)).toHaveLength(1));
  expect(one.failures.length).toBeGreaterThan(1);
});

test('an idle process renews the leases of the feed, all views and the webhooks by one command', async () => {
  const commands: CommandStartedEvent[] = [];
  const { client, config, mongo, tail } = api;
  mongo.client.on('commandStarted', (command) => commands.push(command));
  const { taskQueue } = config.temporal;
  const { leased } = createFeedWork({ db, client, tail, taskQueue });
  const failures: unknown[] = [];
  const webhooks = deliverWebhooks({
    db,
    client,
    tail,
    secrets: mongo.webhookSecrets,
    allowPrivate: false,
    failed: (_endpointId, error) => failures.push(error),
  });
  const watching = new AbortController();
  const watched = watchBuildsAndFeeds(db, [endpointLog.view.collection], watching.signal, () => tail.wake());
  start([...leased, webhooks]);
  try {
    await until(async () => {
      const names = commands.map(({ commandName }) => commandName);
      // The commands from one renewal to the third after it, however long that takes.
      const renewals = names.flatMap((name, index) => (name === 'findAndModify' ? [index] : []));
      const idle = names.slice(renewals.at(-4) ?? 0);
      expect(renewals.length).toBeGreaterThan(4);
      expect(new Set(idle)).toEqual(new Set(['findAndModify', 'getMore']));
      expect(idle.filter((name) => name === 'findAndModify')).toHaveLength(4);
    });
    const tasks = [...leased, webhooks].map(({ name }) => name);
    await until(async () => expect(await unheldTasks(db, tasks)).toEqual([]));
    // The delivery must notice the first endpoint when it is recorded, not at its next check, a
    // minute later.
    await mongo.webhookSecrets.make('s-1');
    const data = { url: 'https://shop.example', secretId: 's-1' };
    const decision = endpoints.decide(undefined, 'CreateEndpoint', data, now);
    if ('refusal' in decision) throw new Error(decision.refusal.message);
    await record(endpointLog, db, append(endpoints, 'e-1', undefined, decision.events, cause).events);
    await until(async () => expect(await subscriptionRows(db).findOne({ _id: 'e-1' })).not.toBeNull(), 30);
    expect(failures).toEqual([]);
  } finally {
    watching.abort();
    await watched;
  }
});
