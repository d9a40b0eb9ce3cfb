import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import { ensureJournalIndexes } from '../../../src/log/journal/journal.js';
import { ensureStateViewIndexes } from '../../../src/log/entity-log/state-view.js';
import { workflowId, orderLog } from '../../../src/order-log.js';
import { temporalConnectionOptions } from '../../../src/server/connections.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { createActivities } from '../../../workers/roles/activities.js';
import { installRuntime } from '../../../workers/roles/worker.js';
import { orderBody, startTestApi, type TestApi } from '../../support/api.js';
import { type BreakableServer, breakableTemporal } from '../../support/breakable-server.js';
import { workflowBundle } from '../../support/servers.js';
import { until } from '../../support/until.js';

const imported = 50;

let temporal: BreakableServer;
let api: TestApi;
beforeAll(async () => {
  installRuntime(createLogger('silent'));
  // Temporal is fair within a partition of a task queue, and serves partitions in an order of its
  // own.
  temporal = await breakableTemporal([
    '--dynamic-config-value=matching.numTaskqueueReadPartitions=1',
    '--dynamic-config-value=matching.numTaskqueueWritePartitions=1',
  ]);
  api = await startTestApi({ TEMPORAL_ADDRESS: temporal.address });
  await Promise.all([
    ensureJournalIndexes(orderLog, api.mongo.db),
    ensureStateViewIndexes(orderLog, api.mongo.db),
  ]);
});
afterAll(async () => {
  await api.close();
  await temporal.end();
});

async function create(id: string, actor: string): Promise<void> {
  const { status } = await api.post('/v1/orders', { body: orderBody({ id }), headers: { 'x-actor': actor } });
  expect(status).toBe(201);
}

test('an order of the shop does not wait for all orders of an earlier import', async () => {
  const ids = Array.from({ length: imported }, (_, index) => `import-${index}`);
  for (const id of ids) await create(id, 'import');
  await create('shop-0', 'shop');
  const steps: string[] = [];
  const activities = Object.entries(createActivities({ db: api.mongo.db })).map(([name, step]) => [
    name,
    async (input: { readonly events: readonly { readonly orderId: string }[] }) => {
      steps.push(input.events[0]?.orderId ?? '');
      // The input has the type that this step takes.
      return await (step as (given: unknown) => Promise<unknown>)(input);
    },
  ]);
  const connection = await NativeConnection.connect(temporalConnectionOptions(api.config));
  const { namespace, taskQueue } = api.config.temporal;
  const decider = await Worker.create({ connection, namespace, taskQueue, workflowBundle });
  const performer = await Worker.create({
    connection,
    namespace,
    taskQueue,
    activities: Object.fromEntries(activities),
    maxConcurrentActivityTaskExecutions: 1,
  });
  await decider.runUntil(async () => {
    // Every order waits for its first step, so the task queue alone says which is next.
    for (const id of [...ids, 'shop-0'])
      await until(async () => {
        const { raw } = await api.client.workflow.getHandle(workflowId(id)).describe();
        expect(raw.pendingActivities).toHaveLength(1);
      }, 60);
    await performer.runUntil(
      until(async () => {
        const ofShop = steps.filter((orderId) => orderId === 'shop-0');
        expect(ofShop.length).toBeGreaterThanOrEqual(2);
      }, 60),
    );
  });
  await connection.close();
  // Without fairness, the shop's order would begin last.
  const beganBefore = new Set(steps.slice(0, steps.indexOf('shop-0')));
  expect(beganBefore.size).toBeLessThan(imported / 2);
}, 120_000);
