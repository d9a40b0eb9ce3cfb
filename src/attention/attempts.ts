import { workflowId } from '../order-log.js';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
import { mapInOrder } from '../concurrency/async-iterables.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import type { AttentionRow } from './rows.js';

const TIMEOUT_MS = 1_500;
const concurrency = 8;

/**
 * Adds to rows of code `effect_owed` what Temporal knows of their retries: attempts so far, the
 * last failure and the time of the next attempt. If Temporal does not answer in 1.5 s, rows stay as
 * they are.
 */
export async function withAttempts(client: Client, rows: readonly AttentionRow[]): Promise<AttentionRow[]> {
  const giveUpAt = Date.now() + TIMEOUT_MS;
  const complete: AttentionRow[] = [];
  for await (const row of mapInOrder(rows, concurrency, (one) => withAttempt(client, one, giveUpAt)))
    complete.push(row);
  return complete;
}

async function withAttempt(client: Client, row: AttentionRow, giveUpAt: number): Promise<AttentionRow> {
  const { code, orderId } = row;
  if (code !== 'effect_owed' || orderId === undefined || Date.now() > giveUpAt) return row;
  try {
    const handle = client.workflow.getHandle(workflowId(orderId));
    const { raw, status } = await client.connection.withDeadline(giveUpAt, () => handle.describe());
    return status.name === 'RUNNING'
      ? withRetries(row, raw.pendingActivities ?? [])
      : withoutWorkflow(row, orderId);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return withoutWorkflow(row, orderId);
    if (isTemporalOutage(error)) return row;
    throw error;
  }
}

/** The activity with the most attempts is taken as the one that blocks the order. */
function withRetries(
  row: AttentionRow,
  pending: readonly temporal.api.workflow.v1.IPendingActivityInfo[],
): AttentionRow {
  const [worst] = pending.toSorted((one, other) => (other.attempt ?? 0) - (one.attempt ?? 0));
  if (worst === undefined) return row;
  const attempts = worst.attempt ?? 0;
  const failure = worst.lastFailure?.message;
  const nextTryAt = optionalTsToMs(worst.nextAttemptScheduleTime);
  return {
    ...row,
    ...(failure !== undefined &&
      failure !== null && { detail: `${row.detail}; ${worst.activityType?.name} failed: ${failure}` }),
    attempts,
    ...(nextTryAt !== undefined && { nextTryAt: new Date(nextTryAt).toISOString() }),
  };
}

/** The workflow is not running, so the effect is not retried. */
function withoutWorkflow(row: AttentionRow, orderId: string): AttentionRow {
  return {
    ...row,
    detail: `${row.detail}; its workflow is not running`,
    remedy: `npx orders resume ${orderId}`,
  };
}
