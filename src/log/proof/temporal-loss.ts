import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { later } from '../time.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { latestReconciliations, MAX_KEPT, type Reconciliation } from './reconciliation-reports.js';

/**
 * Checks whether Temporal still knows the workflows of earlier reconciliations. If it does not know
 * the latest one, Temporal was restored or replaced.
 *
 * @param overlapMs subtracted from the start of the last reconciliation that Temporal still knows,
 *   because the loss may have begun earlier
 * @returns undefined if Temporal has lost no data; otherwise the time since which it may have lost
 *   data (ISO-8601 UTC). The time is '' if Temporal knows none of these workflows: then any data
 *   may be lost.
 */
export async function temporalLostSince(
  log: AnyLog,
  client: Client,
  db: Db,
  overlapMs: number,
): Promise<string | undefined> {
  const [latest, ...earlier] = await latestReconciliations(log, db, MAX_KEPT);
  if (latest?.workflowId === undefined || (await isKnown(client, latest))) return undefined;
  for (const report of earlier) if (await isKnown(client, report)) return later(report.startedAt, -overlapMs);
  return '';
}

async function isKnown(client: Client, { workflowId, runId }: Reconciliation): Promise<boolean> {
  if (workflowId === undefined) return false;
  try {
    await client.workflow.getHandle(workflowId, runId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
