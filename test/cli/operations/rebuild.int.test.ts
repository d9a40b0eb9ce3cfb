import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../../../src/cli/program.js';
import { ensureParkedEventIndexes } from '../../../src/log/views/parked-events.js';
import { feedTaskQueue, reconcileScheduleId } from '../../../src/log/workflow/upkeep-messages.js';
import { createLogger } from '../../../src/server/logging/logger.js';
import { startFeed } from '../../../workers/roles/feed.js';
import type { RunningWorker } from '../../../workers/roles/worker.js';
import { placedOrder, startTestApi, type TestApi } from '../../support/api.js';

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

/** Runs a script, and calls `complain` with each line to standard error. */
async function orders(line: string, complain: (text: string) => void): Promise<number> {
  return await run(line.split(' '), {
    terminal: {
      print: () => undefined,
      complain,
      paint: (_, text) => text,
      readInput: async () => Buffer.alloc(0),
    },
    env: { ORDERS_URL: url },
    openTemporalGateway: () => Promise.reject(new Error('over Temporal')),
  });
}

test('the rebuild script reports that no worker runs, and continues once one does', async () => {
  const missing = `no worker polls the task queue ${feedTaskQueue(api.config.temporal.taskQueue)}`;
  const said: string[] = [];
  expect(await orders('rebuild customers --no-wait', (text) => said.push(text))).toBe(0);
  expect(said).toEqual([expect.stringContaining(missing)]);

  const { config, temporal, mongo, tail } = api;
  const exitCode = await orders('rebuild daily-stats', (text) => {
    said.push(text);
    feed ??= startFeed({ config, temporal, mongo, tail, logger: createLogger('silent') });
  });
  expect(exitCode).toBe(0);
  expect(said).toEqual([expect.stringContaining(missing), expect.stringContaining(missing)]);
});
