import type { ConnectionLike } from '@temporalio/client';
import { optionalTsToMs, requiredTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';

/**
 * How often each worker sends a heartbeat to Temporal. It adds no billable action and no history
 * event.
 */
export const HEARTBEAT_EVERY_MS = 3_000;

/** Checks whether a worker polls a task queue. One instance per process. */
export interface WorkerPresence {
  /**
   * A text that says that no worker polls the task queue; undefined if one does. Fails while
   * Temporal is unavailable.
   */
  missing(taskQueue: string): Promise<string | undefined>;
}

/**
 * How many heartbeats may be missing before a worker counts as gone. This allows for three
 * heartbeats that are late or lost, and for some clock skew.
 */
const SILENT_HEARTBEATS = 4.5;
/**
 * How old a worker's last poll may be, for a Temporal without worker heartbeats. A worker polls at
 * least once a minute, and stays listed for five minutes.
 */
const POLLS_WITHIN_MS = 75_000;
const MAX_LISTED = 200;

const { WORKER_STATUS_RUNNING: running } = proto.temporal.api.enums.v1.WorkerStatus;
const { TASK_QUEUE_TYPE_ACTIVITY: ofActivities } = proto.temporal.api.enums.v1.TaskQueueType;

/**
 * Checks the heartbeats that workers send to Temporal, so a dead worker is noticed within 14 s. If
 * Temporal does not support worker heartbeats, the list of pollers is used, which takes a minute
 * longer.
 *
 * @param inTime makes a call with a deadline
 */
export function createWorkerPresence(
  { workflowService }: ConnectionLike,
  namespace: string,
  inTime: <R>(call: () => Promise<R>) => Promise<R>,
): WorkerPresence {
  let keepsHeartbeats: boolean | undefined;

  async function areHeartbeatsKept(): Promise<boolean> {
    const { namespaceInfo } = await inTime(() => workflowService.describeNamespace({ namespace }));
    return namespaceInfo?.capabilities?.workerHeartbeats === true;
  }

  async function hasHeartbeat(taskQueue: string): Promise<boolean> {
    const query = `TaskQueue = ${JSON.stringify(taskQueue)}`;
    const { workersInfo } = await inTime(() =>
      workflowService.listWorkers({ namespace, query, pageSize: MAX_LISTED }),
    );
    return workersInfo.some(({ workerHeartbeat: heartbeat }) => {
      if (heartbeat?.status !== running || heartbeat.taskQueue !== taskQueue) return false;
      // Workers of other versions may have another heartbeat interval.
      const intervalMs = Math.max(
        HEARTBEAT_EVERY_MS,
        optionalTsToMs(heartbeat.elapsedSinceLastHeartbeat) ?? 0,
      );
      return Date.now() - (optionalTsToMs(heartbeat.heartbeatTime) ?? 0) < SILENT_HEARTBEATS * intervalMs;
    });
  }

  async function isPolling(taskQueue: string): Promise<boolean> {
    const { pollers } = await inTime(() =>
      workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: taskQueue },
        taskQueueType: ofActivities,
      }),
    );
    const since = Date.now() - POLLS_WITHIN_MS;
    return pollers.some((one) => requiredTsToMs(one.lastAccessTime, 'lastAccessTime') > since);
  }

  return {
    async missing(taskQueue) {
      keepsHeartbeats ??= await areHeartbeatsKept();
      const isThere = keepsHeartbeats ? await hasHeartbeat(taskQueue) : await isPolling(taskQueue);
      return isThere ? undefined : `no worker polls the task queue ${taskQueue}`;
    },
  };
}
