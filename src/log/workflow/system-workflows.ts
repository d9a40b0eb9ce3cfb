import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import {
  feedTaskQueue,
  type RebuildActivities,
  type ReconcileActivities,
  type ReconcileSummary,
} from './system-workflow-names.js';

/**
 * Rebuilds a feed view, a state view or a journal. It survives restarts, because progress is stored
 * together with what was built.
 */
export async function rebuildData(name: string): Promise<void> {
  const { runId, taskQueue } = workflowInfo();
  const { rebuild } = proxyActivities<RebuildActivities>({
    taskQueue: feedTaskQueue(taskQueue),
    startToCloseTimeout: '1 hour',
    heartbeatTimeout: '10s',
    retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' },
  });
  while (!(await rebuild(name, runId)));
}

/**
 * Compares open and recently closed entities of every kind with the journal and the views, once. A
 * schedule starts it every few minutes, so a comparison that fails is retried for an hour at most.
 */
export async function reconcileAll(): Promise<ReconcileSummary> {
  const { reconcile } = proxyActivities<ReconcileActivities>({
    taskQueue: feedTaskQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '1 hour',
    scheduleToCloseTimeout: '1 hour',
    heartbeatTimeout: '30s',
    retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1 minute' },
  });
  return await reconcile();
}
