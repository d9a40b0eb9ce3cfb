import type { ConnectionLike } from '@temporalio/client';
import { optionalTsToMs, requiredTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { heartbeatEveryMs } from './worker-heartbeat.js';

/** Tells of each task queue whether a worker polls it. One for a process. */
export interface WorkerPresence {
  /** What is wrong where no worker polls; undefined where one does. Fails with Temporal away. */
  missing(taskQueue: string): Promise<string | undefined>;
}

/** Three heartbeats may be late or lost; clocks are as close as the rest of the system needs them. */
const SILENT_HEARTBEATS = 4.5;
/** Without heartbeats: a worker polls again within a minute, and Temporal lists one that is gone for five. */
const POLLS_WITHIN_MS = 75_000;
const listedAtMost = 200;

const { WORKER_STATUS_RUNNING: running } = proto.temporal.api.enums.v1.WorkerStatus;
const { TASK_QUEUE_TYPE_WORKFLOW: ofWorkflows } = proto.temporal.api.enums.v1.TaskQueueType;

/**
 * By the heartbeats that each worker sends to Temporal: one that dies is missed within 14 s. A Temporal that keeps no heartbeats
 * lists pollers, which takes a minute longer.
 *
 * @param soon makes a call with a deadline
 */
export function createWorkerPresence(
  { workflowService }: ConnectionLike,
  namespace: string,
  soon: <R>(call: () => Promise<R>) => Promise<R>,
): WorkerPresence {
  let keepsHeartbeats: boolean | undefined;

  async function areHeartbeatsKept(): Promise<boolean> {
    const { namespaceInfo } = await soon(() => workflowService.describeNamespace({ namespace }));
    return namespaceInfo?.capabilities?.workerHeartbeats === true;
  }

  async function isBeating(taskQueue: string): Promise<boolean> {
    const query = `TaskQueue = ${JSON.stringify(taskQueue)}`;
    const { workersInfo } = await soon(() =>
      workflowService.listWorkers({ namespace, query, pageSize: listedAtMost }),
    );
    return workersInfo.some(({ workerHeartbeat: beat }) => {
      if (beat?.status !== running || beat.taskQueue !== taskQueue) return false;
      // A worker of another version may beat at another pace.
      const paceMs = Math.max(heartbeatEveryMs, optionalTsToMs(beat.elapsedSinceLastHeartbeat) ?? 0);
      return Date.now() - (optionalTsToMs(beat.heartbeatTime) ?? 0) < SILENT_HEARTBEATS * paceMs;
    });
  }

  async function isPolling(taskQueue: string): Promise<boolean> {
    const { pollers } = await soon(() =>
      workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: taskQueue },
        taskQueueType: ofWorkflows,
      }),
    );
    const since = Date.now() - POLLS_WITHIN_MS;
    return pollers.some((one) => requiredTsToMs(one.lastAccessTime, 'lastAccessTime') > since);
  }

  return {
    async missing(taskQueue) {
      keepsHeartbeats ??= await areHeartbeatsKept();
      const isThere = keepsHeartbeats ? await isBeating(taskQueue) : await isPolling(taskQueue);
      return isThere ? undefined : `no worker polls the task queue ${taskQueue}`;
    },
  };
}
