import { existsSync } from 'node:fs';
import { beforeAll, expect, test } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { workflowBundle } from '../workflows/support.js';
import { historyFile, storedHistories } from './histories.js';
import { paths } from './paths.js';

let histories: Awaited<ReturnType<typeof storedHistories>>;
beforeAll(async () => {
  histories = await storedHistories();
});

test.each(Object.keys(paths))('the history of an order that was "%s" is stored', (path) => {
  // Where not: `npm run histories` records all paths anew. Keep the old files; they are what running orders look like.
  expect(existsSync(historyFile(path, 0))).toBe(true);
});

test('every stored history replays: today’s code takes an order over from yesterday’s', async () => {
  const bundle = await workflowBundle();
  for (const [name, history] of histories) {
    await Worker.runReplayHistory({ workflowBundle: bundle, replayName: name }, history);
  }
  expect(histories.size).toBeGreaterThanOrEqual(Object.keys(paths).length);
});
