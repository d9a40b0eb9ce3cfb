import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { RebuildActivities } from './rebuild-messages.js';

const { rebuild: goOn, rollBackOrders: goBack } = proxyActivities<RebuildActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' },
});

/** Rebuilds a view or a store, however long it takes and whatever ends meanwhile: progress is kept with what was built. */
export async function rebuild(name: string): Promise<void> {
  const { runId } = workflowInfo();
  while (!(await goOn(name, runId)));
}

/** A roll-back of the view `orders` that an earlier version of the code has begun: it ends as a rebuild. None is begun any more. */
export async function rollBackOrders(): Promise<void> {
  const { runId } = workflowInfo();
  while (!(await goBack(runId)));
}
