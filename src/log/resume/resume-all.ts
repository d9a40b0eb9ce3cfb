import type { Draft, State } from '../entity.js';
import { batches } from '../../concurrency/async-iterables.js';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { stateViews } from '../entity-log/state-view.js';
import { journaledIds, notJournaled } from '../journal/read-journal.js';
import { notViewed, unfinishedIds } from '../entity-log/viewed-ids.js';
import { listedIds, listWorkflows } from '../history/workflow-list.js';
import type { ResumeCommand, ResumeReport } from './resume-report.js';
import { resume, type ResumeOptions, type ResumeDeps } from './resume.js';

const CONCURRENCY = 8;
const LOOKUP_BATCH_SIZE = 500;

/**
 * Resumes every entity that needs it, and yields a report for each that it checks. It checks the
 * entities that are not finished or have no view, those that are finished but have a running
 * workflow, and those whose workflow ended before anything was recorded.
 *
 * @throws errors of MongoDB and Temporal; it may be run again
 */
export async function* resumeAll<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: ResumeDeps,
  command: ResumeCommand,
  options: ResumeOptions = {},
): AsyncGenerator<ResumeReport, void> {
  let { answerWithinMs = 0 } = options;
  for await (const batch of batches(candidates(log, deps), CONCURRENCY)) {
    const each = { ...options, answerWithinMs };
    const reports = await Promise.all(batch.map((orderId) => resume(log, deps, orderId, command, each)));
    // A new run did not answer, so there may be no worker. Later runs are not waited for.
    if (reports.some(({ outcome, refused }) => outcome === 'resumed' && refused === undefined))
      answerWithinMs = 0;
    yield* reports;
  }
}

async function* candidates(log: AnyLog, deps: ResumeDeps): AsyncGenerator<string, void> {
  const { db } = deps;
  yield* unfinishedIds(log, db);
  for await (const batch of batches(journaledIds(log, db), LOOKUP_BATCH_SIZE))
    yield* await notViewed(log, db, batch);
  yield* runningFinished(log, deps);
  // Entities with an unfinished view are left out, because `unfinishedIds` has listed them.
  for await (const batch of batches(endedUnrecorded(log, deps), LOOKUP_BATCH_SIZE))
    yield* await notViewed(log, db, batch, { finished: false });
}

/**
 * Entities that are finished according to their views, but have a running workflow. The workflow
 * was restored to an earlier state, or is about to end.
 */
async function* runningFinished(
  log: AnyLog,
  { client, db, taskQueue }: ResumeDeps,
): AsyncGenerator<string, void> {
  const filter = `ExecutionStatus = 'Running'`;
  for await (const { listed } of listWorkflows(log, client, taskQueue, { filter })) {
    const orderIds = listed.map(({ orderId }) => orderId);
    yield* await stateViews(log, db).distinct('_id', { _id: { $in: orderIds }, finished: true }, committed);
  }
}

/** Entities whose workflow failed or was stopped before any of their events was recorded. */
export async function* endedUnrecorded(
  log: AnyLog,
  { client, db, taskQueue }: ResumeDeps,
): AsyncGenerator<string, void> {
  const filter = `ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed', 'Canceled')`;
  for await (const batch of notJournaled(log, db, listedIds(log, client, taskQueue, { filter })))
    yield* batch;
}
