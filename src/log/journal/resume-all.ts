import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { orders, unfinishedOrders } from '../../views/orders.js';
import { batches } from './chunks.js';
import { committed } from './durability.js';
import { journaledOrders, notJournaled } from './journal.js';
import { listOrderWorkflows } from './order-workflows.js';
import { type Asked, resume, type ResumeOptions, type ResumeReport, type Resuming } from './resume.js';

const atOnce = 8;

/**
 * Resumes every order that needs it. It looks at those that are not finished, by their views, or have no view; at those that are
 * finished, and have a workflow that runs; and at those whose workflow ended before anything was recorded. A report for each.
 *
 * @throws errors of MongoDB and Temporal: it may be run again
 */
export async function* resumeAll(
  resuming: Resuming,
  asked: Asked,
  options: ResumeOptions = {},
): AsyncGenerator<ResumeReport, void> {
  let { answerWithinMs = 0 } = options;
  for await (const batch of batches(candidates(resuming), atOnce)) {
    const each = { ...options, answerWithinMs };
    const reports = await Promise.all(batch.map((orderId) => resume(resuming, orderId, asked, each)));
    // Without a worker, none of the others is answered either.
    if (reports.some(({ outcome, refused }) => outcome === 'resumed' && refused === undefined))
      answerWithinMs = 0;
    yield* reports;
  }
}

async function* candidates({ client, db, taskQueue }: Resuming): AsyncGenerator<string, void> {
  yield* unfinishedOrders(db);
  for await (const batch of batches(journaledOrders(db), 500)) yield* await notViewed(db, batch);
  yield* runningFinished({ client, db, taskQueue });
  yield* endedUnrecorded({ client, db, taskQueue });
}

/** Orders that are finished by their views, and whose workflow runs: it was put back, or is about to end. */
async function* runningFinished({
  client,
  db,
  taskQueue,
}: Omit<Resuming, 'continueAsNewAfter'>): AsyncGenerator<string, void> {
  const filter = `ExecutionStatus = 'Running'`;
  for await (const { orders: listed } of listOrderWorkflows(client, taskQueue, { filter })) {
    const orderIds = listed.map(({ orderId }) => orderId);
    yield* await orders(db).distinct('_id', { _id: { $in: orderIds }, finished: true }, committed);
  }
}

/** Orders whose workflow ended without them, before an event of theirs was recorded. */
export async function* endedUnrecorded({
  client,
  db,
  taskQueue,
}: Omit<Resuming, 'continueAsNewAfter'>): AsyncGenerator<string, void> {
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
