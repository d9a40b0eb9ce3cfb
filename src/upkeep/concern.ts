import { WorkflowNotFoundError } from '@temporalio/client';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { whyStopped, scheduleState, singletonTasks, type Deployment } from './own-workflows.js';

/** Which singleton workflows are not running, and why; undefined if all run or Temporal is away. */
export async function singletonConcern(deployment: Deployment): Promise<string | undefined> {
  return await undefinedInOutage(async () => {
    const found = await Promise.all(
      singletonTasks.map(async (task) => {
        const cause = await whyStopped(deployment, task).catch(neverStarted);
        return cause === undefined ? [] : [`the workflow of ${task.activity} ${task.name} ${cause}`];
      }),
    );
    const stopped = found.flat();
    if (stopped.length === 0) return undefined;
    return `${stopped.join('; ')}: a process of the role feed starts it again within seconds`;
  });
}

/** Why the scheduled reconciliation does not run; undefined if it does or Temporal is away. */
export async function scheduleConcern(deployment: Deployment): Promise<string | undefined> {
  return await undefinedInOutage(async () => {
    const state = await scheduleState(deployment);
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

async function undefinedInOutage(ask: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (isTemporalOutage(error)) return undefined;
    throw error;
  }
}
