import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import type { AnyLog } from '../../log/entity-log/entity-log.js';
import type { Databases } from '../../databases.js';
import type { Reconciliation } from '../../log/proof/reconciliation-reports.js';
import { logs } from '../../entity-logs.js';
import { orderLog } from '../../order-log.js';
import { refuseApiOptions, withDatabases, withMongo } from '../connections/databases.js';
import { countedEntities } from '../printing/counted-entities.js';
import { discrepancySummary, discrepancyTable } from '../printing/discrepancies.js';
import { progressBar } from '../printing/progress-bar.js';
import { type Paint, visible } from '../printing/terminal.js';
import { exitCodes, Failure } from '../script/failure.js';
import { addScript, type CommonOptions, report, type Session } from '../script/script.js';

interface ReconcileOptions extends CommonOptions {
  readonly now?: true;
}

/** How long the script waits without progress. */
const NO_PROGRESS_MS = 60_000;
const LOOK_EVERY_MS = 250;

/**
 * Adds `reconcile`: shows the latest scheduled comparison of Temporal and MongoDB, or starts one.
 */
export function addReconcile(program: Command, session: Session): void {
  const command = addScript(program, 'reconcile', {
    summary: 'show what the latest scheduled comparison of Temporal and MongoDB repaired and found',
    details:
      'It runs every RECONCILE_INTERVAL (5 minutes). What MongoDB lacks is recorded from the history; what differs is ' +
      'reported and stays as it is. The exit code is 1 if something differs.',
    examples: ['reconcile', 'reconcile --now', 'reconcile --json'],
  }).option('--now', 'compare now, and wait for it');
  command.action(async () => {
    const options = command.optsWithGlobals<ReconcileOptions>();
    refuseApiOptions(options);
    const reports =
      options.now === true
        ? await withDatabases(session, reconcileNow)
        : await withMongo(session, latestReports);
    const ofOrders = reports.find(({ entity }) => entity === orderLog.entity.name);
    if (ofOrders === undefined) throw nothingCompared();
    const others = reports.filter((one) => one !== ofOrders);
    const { entity: _, ...latest } = ofOrders;
    report(session, options, { ...latest, others }, () =>
      reports
        .filter((one) => one === ofOrders || one.orders > 0 || one.found > 0)
        .flatMap((one) => reconciliationLines(one, session.terminal.paint)),
    );
    const discrepancies = reports.flatMap((one) => one.discrepancies);
    const found = reports.reduce((sum, one) => sum + one.found, 0);
    if (found === 0) return;
    const message = discrepancySummary({ found, discrepancies }, 'that no retry repairs');
    throw new Failure(exitCodes.refused, { code: 'not_reconciled', message });
  });
}

/** The report of the entities of one kind. */
interface EntityReport extends Reconciliation {
  /** name of the kind, such as `order` */
  readonly entity: string;
}

/** The latest report of each kind of entity that was compared. */
async function latestReports({ db }: Pick<Databases, 'db'>): Promise<readonly EntityReport[]> {
  const { latestReconciliations } = await import('../../log/proof/reconciliation-reports.js');
  return await reportsOf(async (log) => (await latestReconciliations(log, db, 1))[0]);
}

/** The report of each kind of entity for which `reportOf` finds one. */
async function reportsOf(
  reportOf: (log: AnyLog) => Promise<Reconciliation | undefined>,
): Promise<readonly EntityReport[]> {
  const reports: EntityReport[] = [];
  for (const log of logs) {
    const found = await reportOf(log);
    if (found !== undefined) reports.push({ entity: log.entity.name, ...found });
  }
  return reports;
}

/**
 * Starts a comparison, and waits for its end as long as there is progress. If another comparison is
 * running, this one starts after it; the other one's progress counts as well.
 */
async function reconcileNow(databases: Databases): Promise<readonly EntityReport[]> {
  const { client, db, taskQueue } = databases;
  const [{ reconciliationOf }, { reconcileScheduleId }, { ScheduleNotFoundError }] = await Promise.all([
    import('../../log/proof/reconciliation-reports.js'),
    import('../../log/workflow/system-workflow-names.js'),
    import('@temporalio/client'),
  ]);
  const schedule = client.schedule.getHandle(reconcileScheduleId(taskQueue));
  const runs = async () => {
    const { recentActions, runningActions } = (await schedule.describe()).info;
    return {
      started: recentActions.map(({ action }) => action.workflow),
      running: runningActions[0]?.workflow,
    };
  };
  const bar = progressBar(process.stderr);
  try {
    const known = new Set((await runs()).started.map(({ firstExecutionRunId }) => firstExecutionRunId));
    await schedule.trigger('BUFFER_ONE');
    let progressAt = Date.now();
    let done = 0;
    for (;;) {
      const { started, running } = await runs();
      const run = started.find(({ firstExecutionRunId }) => !known.has(firstExecutionRunId));
      if (run !== undefined) {
        const reports = await reportsOf((log) => reconciliationOf(log, db, run.firstExecutionRunId));
        if (reports.length === logs.length) return reports;
      }
      const now = (running === undefined ? undefined : await checkedBy(client, running)) ?? done;
      if (now !== done) progressAt = Date.now();
      done = now;
      if (Date.now() - progressAt > NO_PROGRESS_MS) throw notDone();
      bar.show({ what: 'checks', done });
      await setTimeout(LOOK_EVERY_MS);
    }
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) throw nothingCompared();
    throw error;
  } finally {
    bar.end();
  }
}

/**
 * How many entities a run has listed and compared, by its last heartbeat; undefined before the
 * first. An entity that is both listed and compared counts twice.
 */
async function checkedBy(
  client: Client,
  { workflowId, firstExecutionRunId: runId }: { workflowId: string; firstExecutionRunId: string },
): Promise<number | undefined> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const beat = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads;
  const { decoded } = await import('../../log/history/runs.js');
  const [checked] = await decoded(client, beat);
  return typeof checked === 'number' ? checked : undefined;
}

function notDone(): Failure {
  const message =
    'it makes no progress: are processes of the roles `worker` and `feed` running? Once they are, the comparison is made, and `npx orders reconcile` shows it';
  return new Failure(exitCodes.unavailable, { code: 'not_done_yet', message });
}

function nothingCompared(): Failure {
  const message = 'nothing was ever compared: the roles `worker` and `feed` do it, are they running?';
  return new Failure(exitCodes.notFound, { code: 'no_reconciliation', message });
}

/** A report of `reconcile` as readable text. */
function reconciliationLines(
  { entity, startedAt, finishedAt, orders, compared, repaired, repairedOrders, discrepancies }: EntityReport,
  paint: Paint,
): readonly string[] {
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
  return [
    `${startedAt}, in ${seconds.toFixed(1)} s: ${countedEntities(orders, entity)}, ${compared} of them event by event`,
    repaired === 0
      ? 'nothing lagged'
      : paint(
          'yellow',
          `${countedEntities(repaired, entity, [' lagged and was', ' lagged and were'])} repaired: ${visible(repairedOrders.join(', '))}`,
        ),
    ...(discrepancies.length === 0
      ? [paint('green', 'nothing differs')]
      : discrepancyTable(discrepancies, paint, entity)),
  ];
}
