import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import type { Reconciliation } from '../../log/proof/reconciliations.js';
import type { Config } from '../../server/config.js';
import { reachTemporal, type Stores, withStores } from '../connections/stores.js';
import { exitCodes, Failure } from '../script/failure.js';
import { addScript, report } from '../script/script.js';
import { type CommonOptions, configOf, type Session } from '../script/session.js';
import { progressBar } from '../terminal/progress-bar.js';
import { counted, type Paint } from '../terminal/terminal.js';
import { discrepancyTable } from './verify.js';

interface ReconcileOptions extends CommonOptions {
  readonly now?: true;
}

/** How long the script waits without progress. */
const NOTHING_FOR_MS = 60_000;
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
    const config = configOf(session);
    const latest = await withStores(config, (stores) => latestOf(stores, config, options.now === true));
    report(session, options, latest, () => reconciliationLines(latest, session.terminal.paint));
    if (latest.found > 0) {
      const remedy = latest.discrepancies[0]?.remedy ?? 'see each of them';
      const message = `${counted(latest.found, 'discrepancy', 'discrepancies')} that no retry repairs; for the first: ${remedy}`;
      throw new Failure(exitCodes.refused, { code: 'not_reconciled', message });
    }
  });
}

async function latestOf(stores: Stores, config: Config, isWanted: boolean): Promise<Reconciliation> {
  if (isWanted) return await reconcileNow(stores, config);
  const [{ latestReconciliations }, { orderLog }] = await Promise.all([
    import('../../log/proof/reconciliations.js'),
    import('../../order-log.js'),
  ]);
  const [latest] = await latestReconciliations(orderLog, stores.db, 1);
  if (latest === undefined) throw nothingCompared();
  return latest;
}

/**
 * Starts a comparison, after one that is running, and waits for its end while it makes progress.
 */
async function reconcileNow(stores: Stores, config: Config): Promise<Reconciliation> {
  const { client, db } = stores;
  const [{ reconciliationOf }, { orderLog }, { reconcileScheduleId }, { ScheduleNotFoundError }] =
    await Promise.all([
      import('../../log/proof/reconciliations.js'),
      import('../../order-log.js'),
      import('../../log/workflow/reconcile-messages.js'),
      import('@temporalio/client'),
    ]);
  await reachTemporal(stores);
  const schedule = client.schedule.getHandle(reconcileScheduleId(config.temporal.taskQueue));
  const runs = async () =>
    (await schedule.describe()).info.recentActions.map(({ action }) => action.workflow);
  const bar = progressBar(process.stderr);
  try {
    const known = new Set((await runs()).map(({ firstExecutionRunId }) => firstExecutionRunId));
    await schedule.trigger('BUFFER_ONE');
    let waitedSince = Date.now();
    let done = 0;
    for (;;) {
      const run = (await runs()).find(({ firstExecutionRunId }) => !known.has(firstExecutionRunId));
      if (run !== undefined) {
        const made = await reconciliationOf(orderLog, db, run.firstExecutionRunId);
        if (made !== undefined) return made;
      }
      const looked = run === undefined ? undefined : await lookedAt(client, run);
      if (looked !== undefined && looked !== done) {
        waitedSince = Date.now();
        done = looked;
      }
      if (Date.now() - waitedSince > NOTHING_FOR_MS) throw notDone();
      bar.show({ what: 'orders', done });
      await setTimeout(LOOK_EVERY_MS);
    }
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) throw nothingCompared();
    throw error;
  } finally {
    bar.end();
  }
}

/** How many orders a run has examined, by its last heartbeat; undefined before the first. */
async function lookedAt(
  client: Client,
  { workflowId, firstExecutionRunId: runId }: { workflowId: string; firstExecutionRunId: string },
): Promise<number | undefined> {
  const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
  const beat = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads;
  const { decodeArrayFromPayloads } = await import('@temporalio/common/lib/internal-non-workflow/index.js');
  const [done] = await decodeArrayFromPayloads(client.options.loadedDataConverter, beat);
  return typeof done === 'number' ? done : undefined;
}

function notDone(): Failure {
  const message =
    'it makes no progress: is a process of the role `feed` running? Once it is, the comparison is made, and `npx orders reconcile` shows it';
  return new Failure(exitCodes.unavailable, { code: 'not_done_yet', message });
}

function nothingCompared(): Failure {
  const message = 'nothing was ever compared: the role `feed` does it, is it running?';
  return new Failure(exitCodes.notFound, { code: 'no_reconciliation', message });
}

/** A report of `reconcile` as readable text. */
export function reconciliationLines(
  { startedAt, finishedAt, orders, compared, repaired, repairedOrders, discrepancies }: Reconciliation,
  paint: Paint,
): readonly string[] {
  const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
  return [
    `${startedAt}, in ${seconds.toFixed(1)} s: ${counted(orders, 'order', 'orders')}, ${compared} of them event by event`,
    repaired === 0
      ? 'nothing was behind'
      : paint(
          'yellow',
          `${counted(repaired, 'order was', 'orders were')} behind and repaired: ${repairedOrders.join(', ')}`,
        ),
    ...(discrepancies.length === 0
      ? [paint('green', 'nothing differs')]
      : discrepancyTable(discrepancies, paint)),
  ];
}
