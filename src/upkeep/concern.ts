import { WorkflowNotFoundError } from '@temporalio/client';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { causeOfDeath, scheduleState, standingTasks, type Upkept } from './own-workflows.js';

/** Which standing work does not go on, and why; undefined where all does, or while Temporal cannot be asked. */
export async function standingConcern(upkept: Upkept): Promise<string | undefined> {
  return await unlessTemporalIsAway(async () => {
    const found = await Promise.all(
      standingTasks.map(async (task) => {
        const cause = await causeOfDeath(upkept, task).catch(neverStarted);
        return cause === undefined ? [] : [`the workflow of ${task.activity} ${task.name} ${cause}`];
      }),
    );
    const dead = found.flat();
    if (dead.length === 0) return undefined;
    return `${dead.join('; ')}: a process of the role feed starts it again within seconds`;
  });
}

/** Why the scheduled reconciliation does not run; undefined where it does, or while Temporal cannot be asked. */
export async function scheduleConcern(upkept: Upkept): Promise<string | undefined> {
  return await unlessTemporalIsAway(async () => {
    const state = await scheduleState(upkept);
    if (state === 'running') return undefined;
    if (state === 'gone')
      return 'its schedule is gone: a process of the role feed makes it again within seconds';
    return `its schedule is paused${state.pausedFor === '' ? '' : ` (${state.pausedFor})`}: it goes on when a person unpauses it in Temporal`;
  });
}

function neverStarted(error: unknown): string {
  if (error instanceof WorkflowNotFoundError) return 'was never started, or is forgotten';
  throw error;
}

async function unlessTemporalIsAway(ask: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isTemporalOutage(error)) return undefined;
    throw error;
  }
}
