import type { Db } from 'mongodb';
import type { Deployment } from '../databases.js';
import { endpointViews, enabledEndpoints } from '../delivery/webhooks/endpoints.js';
import { webhookTask } from '../delivery/webhooks/deliver-webhooks.js';
import { describeUnheld, unheldTasks } from '../log/leases/leases.js';
import { sequencerTask } from '../log/feed/sequencer.js';
import { viewTask } from '../log/views/feeding/view-feeder.js';
import { committedInTime } from '../mongodb/durability.js';
import { logs } from '../entity-logs.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { views } from '../views/views.js';
import { scheduleState } from './reconcile-schedule.js';

/** The leased tasks that some process of the role `feed` must always hold. */
const leasedTasks = [
  ...logs.map(({ feedId }) => sequencerTask(feedId)),
  ...views.map(({ name }) => viewTask(name)),
];

/**
 * Which leased tasks no process holds, and since when; undefined if all are held. The delivery of
 * webhooks counts only if an endpoint is enabled.
 */
export async function unheldTaskConcern(db: Db): Promise<string | undefined> {
  const endpoint = await endpointViews(db).findOne(enabledEndpoints, {
    ...committedInTime,
    projection: { _id: 1 },
  });
  const needed = endpoint === null ? leasedTasks : [...leasedTasks, webhookTask];
  return describeUnheld(await unheldTasks(db, needed), 'feed');
}

/**
 * Why the scheduled reconciliation does not run; undefined if it does or Temporal is unavailable.
 */
export async function scheduleConcern(deployment: Deployment): Promise<string | undefined> {
  const state = await scheduleState(deployment).catch((error: unknown) => {
    if (!isTemporalOutage(error)) throw error;
    return 'unknown' as const;
  });
  if (state === 'running' || state === 'unknown') return undefined;
  if (state === 'gone')
    return 'its schedule is gone: a process of the role feed makes it again within seconds';
  return `its schedule is paused${state.pausedFor === '' ? '' : ` (${state.pausedFor})`}: it continues when an operator unpauses it in Temporal`;
}
