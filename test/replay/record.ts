import { mkdir, writeFile } from 'node:fs/promises';
import { test } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Orders } from '../log/workflow/support.js';
import { historyFile } from './histories.js';
import { paths } from './paths.js';

/** `npm run histories`: stores the history of each path, run by run, for `replay.int.test.ts`. */
test.each(Object.entries(paths))('%s', async (path, run) => {
  const orders = await Orders.open();
  const order = await run(orders);
  const runs = [];
  for await (const found of orders.client.workflow.list({
    query: `WorkflowId = "${order.handle.workflowId}"`,
  })) {
    runs.push(found);
  }
  const runIds = runs
    .toSorted((a, b) => a.startTime.getTime() - b.startTime.getTime())
    .map(({ runId }) => runId);
  await mkdir(new URL('.', historyFile(path, 0)), { recursive: true });
  for (const [index, runId] of runIds.entries()) {
    const history = await orders.client.workflow.getHandle(order.handle.workflowId, runId).fetchHistory();
    // A run without a completed workflow task has nothing to replay.
    if (history.events?.some((event) => event.workflowTaskCompletedEventAttributes)) {
      await writeFile(historyFile(path, index), historyToJSON(history));
    }
  }
  await orders.close();
});
