import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensureParkedEventIndexes } from '../../../src/log/views/parked-events.js';
import { feedTaskQueue, reconcileScheduleId } from '../../../src/log/workflow/system-workflow-names.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { startFeed } from '../../../workers/roles/feed.js';
import type { RunningWorker } from '../../../workers/roles/worker.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';
import { runWithoutTemporal } from '../without-temporal.js';

let api: TestApi;
let url: string;
let feed: RunningWorker | undefined;

beforeAll(async () => {
  api = await startTestApi();
  await ensureParkedEventIndexes(api.mongo.db);
  await api.startWorker();
  await placedOrder(api);
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await feed?.stop();
  await api.client.schedule
    .getHandle(reconcileScheduleId(api.config.temporal.taskQueue))
    .delete()
    .catch(() => undefined);
  await api.close();
});

test('the rebuild script reports that no worker runs, and continues once one does', async () => {
  const missing = `no worker polls the task queue ${feedTaskQueue(api.config.temporal.taskQueue)}`;
  const reported = { exitCode: 0, err: expect.stringContaining(missing) };
  const env = { ORDERS_URL: url };
  // Reports what `/health/ready` knows, which on a busy machine takes a while.
  await until(async () => expect(JSON.stringify((await api.get('/health/ready')).body)).toContain(missing));
  expect(await runWithoutTemporal('rebuild customers --no-wait', env)).toMatchObject(reported);

  const { config, temporal, mongo, tail } = api;
  const startOne = () =>
    void (feed ??= startFeed({ config, temporal, mongo, tail, logger: createLogger('silent') }));
  expect(await runWithoutTemporal('rebuild daily-stats', env, startOne)).toMatchObject(reported);
});
