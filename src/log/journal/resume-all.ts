import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { orders, unfinishedOrders } from '../../views/orders.js';
import { batches } from '../../concurrency/async-iterables.js';
import { committed } from './durability.js';
import { journaledOrders, notJournaled } from './journal.js';
import { listOrderWorkflows } from './order-workflows.js';
import {
  type ResumeCommand,
  resume,
  type ResumeOptions,
  type ResumeReport,
  type ResumeDeps,
} from './resume.js';

const concurrency = 8;

/**
 * Resumes every order that needs it; one report for each order that was checked: those that are not
 * finished or have no view; those that are finished but have a running workflow; and those whose
 * workflow ended before anything was recorded.
 *
 * @throws errors of MongoDB and Temporal; it may be run again
 */
export async function* resumeAll(
  deps: ResumeDeps,
  command: ResumeCommand,
  options: ResumeOptions = {},
): AsyncGenerator<ResumeReport, void> {
  let { answerWithinMs = 0 } = options;
  for await (const batch of batches(candidates(deps), concurrency)) {
    const each = { ...options, answerWithinMs };
    const reports = await Promise.all(batch.map((orderId) => resume(deps, orderId, command, each)));
    // No new run answered, so there may be no worker: later orders are not waited for.
    if (reports.some(({ outcome, refused }) => outcome === 'resumed' && refused === undefined))
      answerWithinMs = 0;
    yield* reports;
  }
}

async function* candidates({ client, db, taskQueue }: ResumeDeps): AsyncGenerator<string, void> {
  yield* unfinishedOrders(db);
  for await (const batch of batches(journaledOrders(db), 500)) yield* await notViewed(db, batch);
  yield* runningFinished({ client, db, taskQueue });
  yield* endedUnrecorded({ client, db, taskQueue });
}

/**
 * Orders that are finished by their views, but have a running workflow: it was restored to an
 * earlier state, or is about to end.
 */
async function* runningFinished({
  client,
  db,
  taskQueue,
}: Omit<ResumeDeps, 'continueAsNewAfter'>): AsyncGenerator<string, void> {
  const filter = `ExecutionStatus = 'Running'`;
  for await (const { orders: listed } of listOrderWorkflows(client, taskQueue, { filter })) {
    const orderIds = listed.map(({ orderId }) => orderId);
    yield* await orders(db).distinct('_id', { _id: { $in: orderIds }, finished: true }, committed);
  }
}

/** Orders whose workflow failed or was stopped before any of their events was recorded. */
export async function* endedUnrecorded({
  client,
  db,
  taskQueue,
}: Omit<ResumeDeps, 'continueAsNewAfter'>): AsyncGenerator<string, void> {
  for await (const batch of notJournaled(db, endedOrders(client, taskQueue))) yield* batch;
}

async function notViewed(db: Db, orderIds: readonly string[]): Promise<readonly string[]> {
  const viewed = new Set(await orders(db).distinct('_id', { _id: { $in: [...orderIds] } }, committed));
  return orderIds.filter((orderId) => !viewed.has(orderId));
}

async function* endedOrders(client: Client, taskQueue: string): AsyncGenerator<string, void> {
  const filter = `ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed', 'Canceled')`;
  for await (const { orders: listed } of listOrderWorkflows(client, taskQueue, { filter }))
    for (const { orderId } of listed) yield orderId;
}
