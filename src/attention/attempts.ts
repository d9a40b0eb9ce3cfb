import { workflowId } from '../order-log.js';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
import { inTurn } from '../log/journal/chunks.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import type { AttentionRow } from './rows.js';

const WITHIN_MS = 1_500;
const atOnce = 8;

/**
 * The rows; those about effects with how often they were tried, why the last try failed, and when the next is, as Temporal knows
 * it. While Temporal is away, they are as they were.
 */
export async function withAttempts(client: Client, rows: readonly AttentionRow[]): Promise<AttentionRow[]> {
  const giveUpAt = Date.now() + WITHIN_MS;
  const complete: AttentionRow[] = [];
  for await (const row of inTurn(rows, atOnce, (one) => withAttempt(client, one, giveUpAt)))
    complete.push(row);
  return complete;
}

async function withAttempt(client: Client, row: AttentionRow, giveUpAt: number): Promise<AttentionRow> {
  const { code, orderId } = row;
  if (code !== 'effect_owed' || orderId === undefined || Date.now() > giveUpAt) return row;
  try {
    const handle = client.workflow.getHandle(workflowId(orderId));
    const { raw, status } = await client.connection.withDeadline(giveUpAt, () => handle.describe());
    return status.name === 'RUNNING' ? tried(row, raw.pendingActivities ?? []) : ended(row, orderId);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return ended(row, orderId);
    if (isTemporalOutage(error)) return row;
    throw error;
  }
}

/** The step that was tried most often is what keeps the order. */
function tried(
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

/** No workflow is left that could try. */
function ended(row: AttentionRow, orderId: string): AttentionRow {
  return {
    ...row,
    detail: `${row.detail}; its workflow does not run`,
    remedy: `npx orders resume ${orderId}`,
  };
}
