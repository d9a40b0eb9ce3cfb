import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Reconciliation } from '../event-log/reconciliations.js';
import type { Config } from '../platform/config.js';
import { exitCodes, Failure } from './failure.js';
import { addScript } from './options.js';
import { report } from './query-commands.js';
import { type CommonOptions, configOf, type Session } from './session.js';
import type { Stores } from './stores.js';
import type { Paint } from './terminal.js';
import { counted, discrepancyTable } from './verify-command.js';

interface ReconcileOptions extends CommonOptions {
  readonly now?: true;
}

const DONE_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 250;

/** Adds `reconcile`: the latest scheduled comparison of Temporal with journal and views, or one more. */
export function addReconcileCommand(program: Command, session: Session): void {
  const command = addScript(program, 'reconcile', {
    summary: 'show what the latest scheduled comparison of Temporal and MongoDB has mended and found',
    details:
      'It runs every RECONCILE_INTERVAL (5 minutes): what is behind in MongoDB is recorded from the history, what differs ' +
      'is reported and left as it is. The exit code is 1 where something differs.',
    examples: ['reconcile', 'reconcile --now', 'reconcile --json'],
  }).option('--now', 'compare now, and wait for it');
  command.action(async () => {
    const options = command.optsWithGlobals<ReconcileOptions>();
    const config = configOf(session);
    const { withStores } = await import('./stores.js');
    const latest = await withStores(config, (stores) => latestOf(stores, config, options.now === true));
    report(session, options, latest, () => reconciliationLines(latest, session.terminal.paint));
    if (latest.found > 0) {
      const message = `${counted(latest.found, 'discrepancy', 'discrepancies')} that no retry mends`;
      throw new Failure(exitCodes.refused, { code: 'not_reconciled', message });
    }
  });
}

async function latestOf(stores: Stores, config: Config, isWanted: boolean): Promise<Reconciliation> {
  const { client, db } = stores;
  const [{ latestReconciliations }, { reachTemporal }, { reconcileScheduleId }, { ScheduleNotFoundError }] =
    await Promise.all([
      import('../event-log/reconciliations.js'),
      import('./stores.js'),
      import('../workflows/reconcile-messages.js'),
      import('@temporalio/client'),
    ]);
  const [before] = await latestReconciliations(db, 1);
  if (!isWanted) return before ?? none();
  await reachTemporal(stores);
  try {
    await client.schedule.getHandle(reconcileScheduleId(config.temporal.taskQueue)).trigger();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) none();
    throw error;
  }
  for (const giveUpAt = Date.now() + DONE_WITHIN_MS; Date.now() < giveUpAt; await setTimeout(LOOK_EVERY_MS)) {
    const [latest] = await latestReconciliations(db, 1);
    if (latest !== undefined && latest.runId !== before?.runId) return latest;
  }
  const message = 'it is not done yet: `npx orders reconcile` shows it when it is';
  throw new Failure(exitCodes.unavailable, { code: 'not_done_yet', message });
}

function none(): never {
  const message = 'nothing was ever compared: the role `feed` does it, is it running?';
  throw new Failure(exitCodes.notFound, { code: 'no_reconciliation', message });
}

/** A report for a person. */
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
          `${counted(repaired, 'order was', 'orders were')} behind and mended: ${repairedOrders.join(', ')}`,
        ),
    ...(discrepancies.length === 0
      ? [paint('green', 'nothing differs')]
      : discrepancyTable(discrepancies, paint)),
  ];
}
