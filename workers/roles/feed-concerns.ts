/* Texts for readiness about work of the role `feed` that no process is doing. */
import type { Db } from 'mongodb';
import type { Deployment } from '../../src/databases.js';
import { endpointViews, enabledEndpoints } from '../../src/delivery/webhooks/endpoints.js';
import { webhookTask } from '../../src/delivery/webhooks/deliver-webhooks.js';
import { describeUnheld, unheldTasks } from '../../src/log/leases/leases.js';
import { committedInTime } from '../../src/mongodb/durability.js';
import { isTemporalOutage } from '../../src/outages/temporal-outage.js';
import { scheduleState } from '../../src/upkeep/reconcile-schedule.js';
import { leasedTaskNames } from './feed-work.js';

/**
 * Which leased tasks no process holds, and since when; undefined if all are held. The delivery of
 * webhooks counts only if an endpoint is enabled.
 */
export async function unheldTaskConcern(db: Db): Promise<string | undefined> {
  const endpoint = await endpointViews(db).findOne(enabledEndpoints, {
    ...committedInTime,
    projection: { _id: 1 },
  });
  const needed = endpoint === null ? leasedTaskNames : [...leasedTaskNames, webhookTask];
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
