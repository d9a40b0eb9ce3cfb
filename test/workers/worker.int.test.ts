import { expect, test } from '@jest/globals';
import { pino } from 'pino';
import { format } from '../../src/server/logging/logger.js';
import { installRuntime, startWorker } from '../../workers/roles/worker.js';
import { startTestApi } from '../support/api.js';
import { uniqueName } from '../support/servers.js';

test('a worker with activities only starts without a line in the log', async () => {
  const api = await startTestApi();
  const lines: string[] = [];
  const logger = pino(format, { write: (line: string) => void lines.push(line) });
  installRuntime(logger);
  const { config, mongo } = api;
  const activities = { nothing: async () => undefined };
  const worker = startWorker({ config, mongo, logger }, { taskQueue: uniqueName('activities'), activities });
  await worker.ready;
  await worker.stop();
  await api.close();
  expect(lines).toEqual([]);
});
