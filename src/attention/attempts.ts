import { orderLog, workflowId } from '../order-log.js';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { mapInOrder } from '../concurrency/async-iterables.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import type { AttentionRow } from './rows.js';

const TIMEOUT_MS = 1_500;
const CONCURRENCY = 8;

/** The state of an order's latest workflow run in Temporal. */
export interface OrderRun {
  readonly runId: string;
  /** Temporal's name of the status, such as `RUNNING` */
  readonly status: string;
  /** the tries of its steps that have not ended, in the order in which they began */
  readonly tries: readonly Tries[];
}

/** The attempts of a step: of its effect, or of recording if it has no effect. */
export interface Tries {
  /** the type of the effect, or `record` */
  readonly type: string;
  /** how many attempts were made so far */
  readonly attempts: number;
  readonly lastError?: string;
  /** ISO-8601 UTC; absent while an attempt is running */
  readonly nextTryAt?: string;
}

/**
 * @returns undefined if Temporal has no workflow of the order
 * @throws errors of Temporal if it does not answer before `giveUpAt`, by default within 1.5 s
 */
export async function runOf(
  client: Client,
  orderId: string,
  giveUpAt = Date.now() + TIMEOUT_MS,
): Promise<OrderRun | undefined> {
  try {
    const handle = client.workflow.getHandle(workflowId(orderId));
    const { raw, runId, status } = await client.connection.withDeadline(giveUpAt, () => handle.describe());
    // The SDK numbers the activities of a run.
    const pendingInOrder = (raw.pendingActivities ?? []).toSorted(
      (one, other) => Number(one.activityId) - Number(other.activityId),
    );
    const tries = pendingInOrder.map((pending): Tries => {
      const lastError = pending.lastFailure?.message ?? undefined;
      const nextTryAt = optionalTsToMs(pending.nextAttemptScheduleTime);
      return {
        type: pending.activityType?.name ?? '',
        attempts: pending.attempt ?? 0,
        ...(lastError !== undefined && { lastError }),
        ...(nextTryAt !== undefined && { nextTryAt: new Date(nextTryAt).toISOString() }),
      };
    });
    return { runId, status: status.name, tries };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * Adds Temporal's data on retries to rows of code `effect_owed`: attempts so far, the last failure
 * and the time of the next attempt. If Temporal does not answer in 1.5 s, rows stay as they are.
 */
export async function withAttempts(client: Client, rows: readonly AttentionRow[]): Promise<AttentionRow[]> {
  const giveUpAt = Date.now() + TIMEOUT_MS;
  const complete: AttentionRow[] = [];
  for await (const row of mapInOrder(rows, CONCURRENCY, (one) => withAttempt(client, one, giveUpAt)))
    complete.push(row);
  return complete;
}

async function withAttempt(client: Client, row: AttentionRow, giveUpAt: number): Promise<AttentionRow> {
  const { code, orderId } = row;
  if (code !== 'effect_owed' || orderId === undefined || Date.now() > giveUpAt) return row;
  try {
    const run = await runOf(client, orderId, giveUpAt);
    return run?.status === 'RUNNING' ? withRetries(row, run.tries) : withoutWorkflow(row, orderId);
  } catch (error) {
    if (isTemporalOutage(error)) return row;
    throw error;
  }
}

/** The step with the most attempts is taken as the one that blocks the order. */
function withRetries(row: AttentionRow, tries: readonly Tries[]): AttentionRow {
  const [worst] = tries.toSorted((one, other) => other.attempts - one.attempts);
  if (worst === undefined) return row;
  const { type, attempts, lastError, nextTryAt } = worst;
  return {
    ...row,
    ...(lastError !== undefined && { detail: `${row.detail}; ${type} failed: ${lastError}` }),
    attempts,
    ...(nextTryAt !== undefined && { nextTryAt }),
  };
}

/** The workflow is not running, so the effect is not retried. */
function withoutWorkflow(row: AttentionRow, orderId: string): AttentionRow {
  return {
    ...row,
    detail: `${row.detail}; its workflow is not running`,
    remedy: orderLog.commands.resume(orderId),
  };
}
