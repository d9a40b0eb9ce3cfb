import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { RebuildActivities } from './rebuild-messages.js';

const { rebuild: goOn, rollBackOrders: goBack } = proxyActivities<RebuildActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' },
});

/**
 * Rebuilds a view or a store. It survives restarts, because progress is stored together with what
 * was built.
 */
export async function rebuild(name: string): Promise<void> {
  const { runId } = workflowInfo();
  while (!(await goOn(name, runId)));
}

/**
 * Completes, by a rebuild, a roll-back of the view `orders` that an earlier version of the code
 * started.
 */
export async function rollBackOrders(): Promise<void> {
  const { runId } = workflowInfo();
  while (!(await goBack(runId)));
}
