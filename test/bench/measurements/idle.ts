import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { reconcileScheduleId } from '../../../src/log/workflow/system-workflow-names.js';
import { temporalCost } from '../../support/workflow-run.js';
import type { Measurement } from '../harness/bench.js';
import { single } from '../harness/result.js';
import { commandsSent, cpuOf } from '../harness/usage.js';

/**
 * The product is not idle right after its start. V8 still compiles, and the product checks more
 * often, because it expects requests.
 */
const IDLE_WITHIN_MS = 30_000;
const HOUR_MS = 3_600_000;
const LOOK_EVERY_MS = 100;
/**
 * A deployment without orders. The orders of other measurements would make the reconciliation cost
 * more.
 */
const UNUSED = { MONGODB_DB: 'unused', TEMPORAL_TASK_QUEUE: 'unused' };
/** The actions of a schedule for each run, besides the start of its workflow. */
const SCHEDULED_ACTIONS = 2;

/**
 * Measures what the product costs while it is not used, with all roles in one process. `getMore` is
 * left out, because it only waits for changes.
 */
export const idle: Measurement = {
  name: 'idle',
  async run(bench) {
    const product = await bench.productWith({ ...UNUSED, RECONCILE_INTERVAL: '5m' });
    await setTimeout(IDLE_WITHIN_MS);
    const minutes = bench.pick(2, 0.5);
    const before = { commands: await commandsSent(bench.db, 'getMore'), cpuMs: await cpuOf(product.pid) };
    bench.note(`${minutes} min`);
    await setTimeout(minutes * 60_000);
    const commands = (await commandsSent(bench.db, 'getMore')) - before.commands;
    const cpuMs = (await cpuOf(product.pid)) - before.cpuMs;
    return [
      single('idle.actions', await actionsAnHour(bench.temporal), 'actions/h', {
        goal: { of: 'value', is: '≤', limit: 120 },
      }),
      single('idle.commands', commands / minutes, 'commands/min', {
        goal: { of: 'value', is: '≤', limit: 60 },
      }),
      single('idle.cpu', cpuMs / 1_000 / minutes, 's/min', { goal: { of: 'value', is: '≤', limit: 1.2 } }),
    ];
  },
};

/**
 * Actions of Temporal in an hour, as its cloud bills them. While no order is worked on, only the
 * schedule of the reconciliation causes actions. So this counts the actions of one run, and
 * multiplies them by the runs in an hour.
 */
async function actionsAnHour(client: Client): Promise<number> {
  const schedule = client.schedule.getHandle(reconcileScheduleId(UNUSED.TEMPORAL_TASK_QUEUE));
  const [interval] = (await schedule.describe()).spec.intervals ?? [];
  if (interval === undefined) throw new Error('The reconciliation has no interval.');
  await schedule.trigger();
  for (;;) {
    const { recentActions, runningActions } = (await schedule.describe()).info;
    const id = recentActions.at(-1)?.action.workflow.workflowId;
    if (id !== undefined && runningActions.length === 0) {
      const { actions, otherActions } = await temporalCost(client, id);
      return (HOUR_MS / interval.every) * (actions + otherActions + SCHEDULED_ACTIONS);
    }
    await setTimeout(LOOK_EVERY_MS);
  }
}
