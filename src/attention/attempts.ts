import type { Client } from '@temporalio/client';
import { mapInOrder } from '../concurrency/async-iterables.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { orderLog } from '../order-log.js';
import { type PendingStep, runOf, RUN_WITHIN_MS } from './order-run.js';
import type { AttentionRow } from './rows.js';

const CONCURRENCY = 8;

/**
 * Adds Temporal's data on retries to rows of code `effect_owed`: the number of the attempt, the
 * last failure and the time of the next attempt. If Temporal does not answer in 1.5 s, rows stay as
 * they are.
 */
export async function withAttempts(client: Client, rows: readonly AttentionRow[]): Promise<AttentionRow[]> {
  const giveUpAt = Date.now() + RUN_WITHIN_MS;
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
    return run?.status === 'RUNNING' ? withRetries(row, run.pendingSteps) : withoutWorkflow(row, orderId);
  } catch (error) {
    if (isTemporalOutage(error)) return row;
    throw error;
  }
}

/** Adds data of the step with the most attempts, which is assumed to block the order. */
function withRetries(row: AttentionRow, steps: readonly PendingStep[]): AttentionRow {
  const [worst] = steps.toSorted((one, other) => other.attempts - one.attempts);
  if (worst === undefined) return row;
  const { type, attempts, lastError, nextTryAt } = worst;
  return {
    ...row,
    ...(lastError !== undefined && { detail: `${row.detail}; ${type} failed: ${lastError}` }),
    attempts,
    ...(nextTryAt !== undefined && { nextTryAt }),
  };
}

/** Adds to the row that the workflow is not running, so nothing retries the effect. */
function withoutWorkflow(row: AttentionRow, orderId: string): AttentionRow {
  return {
    ...row,
    detail: `${row.detail}; its workflow is not running`,
    remedy: orderLog.cliLines.resume(orderId),
  };
}
