import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { workflowId } from '../order-log.js';

/** How long Temporal may take to answer. */
export const RUN_WITHIN_MS = 1_500;

/** The state of an order's latest workflow run in Temporal. */
export interface OrderRun {
  readonly runId: string;
  /** Temporal's name for the status, such as `RUNNING` */
  readonly status: string;
  /** its steps that have not ended, in the order in which they began */
  readonly pendingSteps: readonly PendingStep[];
}

/** A step that has not ended. It performs an effect, or records events if it has no effect. */
export interface PendingStep {
  /** the type of the effect, or `record` */
  readonly type: string;
  /** the number of the current attempt, or of the next one if none is running; from 1 on */
  readonly attempts: number;
  readonly lastError?: string;
  /** ISO-8601 UTC; absent while an attempt is running or waits for a worker */
  readonly nextTryAt?: string;
}

/**
 * @returns undefined if Temporal has no workflow of the order
 * @throws errors of Temporal if it does not answer before `giveUpAt`, by default within 1.5 s
 */
export async function runOf(
  client: Client,
  orderId: string,
  giveUpAt = Date.now() + RUN_WITHIN_MS,
): Promise<OrderRun | undefined> {
  try {
    const handle = client.workflow.getHandle(workflowId(orderId));
    const { raw, runId, status } = await client.connection.withDeadline(giveUpAt, () => handle.describe());
    // The ids of activities are numbers, which the SDK counts up in each run.
    const pendingInOrder = (raw.pendingActivities ?? []).toSorted(
      (one, other) => Number(one.activityId) - Number(other.activityId),
    );
    const pendingSteps = pendingInOrder.map((pending): PendingStep => {
      const lastError = pending.lastFailure?.message ?? undefined;
      const nextTryAt = optionalTsToMs(pending.nextAttemptScheduleTime);
      return {
        type: pending.activityType?.name ?? '',
        attempts: pending.attempt ?? 0,
        ...(lastError !== undefined && { lastError }),
        ...(nextTryAt !== undefined && { nextTryAt: new Date(nextTryAt).toISOString() }),
      };
    });
    return { runId, status: status.name, pendingSteps };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
