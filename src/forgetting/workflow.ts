import { continueAsNew, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import { type BackOff, backOffMs } from '../concurrency/back-off.js';
import type { Forgetting, ForgettingActivities, OpenOrders } from './messages.js';

const options = {
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' },
} as const;
const { findOpenOrders, noteForgetting, retireKeys, destroyKeys } =
  proxyActivities<ForgettingActivities>(options);
/** These two activities may take hours if a customer has many orders. */
const { forgetInOrders, certify } = proxyActivities<ForgettingActivities>({
  ...options,
  startToCloseTimeout: '24 hours',
});

const LOOK_BACK_OFF: BackOff = { firstRetryMs: 1_000, maxRetryMs: 5 * 60_000 };

/**
 * Forgets a customer's personal data. The workflow survives any outage, because each step is
 * repeated until it succeeds.
 *
 * First, the customer's keys are taken out of use. The orders are checked again once no process can
 * use these keys. An order that is created in between is either found by that check, or sealed
 * under another key.
 */
export async function forgetPersonWorkflow(forgetting: Forgetting): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const keys = await keysWhenFinished(forgetting);
    if (keys !== undefined) {
      await destroyKeys({ forgetting, keys });
      await forgetInOrders({ forgetting, keys });
      await certify({ forgetting, keys });
      return;
    }
    if (!forgetting.whenFinished) return;
    await sleep(backOffMs(attempt, LOOK_BACK_OFF));
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof forgetPersonWorkflow>(forgetting);
  }
}

/** The keys to destroy; undefined if an order is open. */
async function keysWhenFinished(forgetting: Forgetting): Promise<readonly string[] | undefined> {
  if (await isPrevented(forgetting, await findOpenOrders({ forgetting }))) return undefined;
  const keys = await retireKeys(forgetting);
  await sleep(forgetting.keyInUseMs);
  return (await isPrevented(forgetting, await findOpenOrders({ forgetting, keys }))) ? undefined : keys;
}

/** Whether open orders prevent the forgetting. If so, they are stored in the forgetting's row. */
async function isPrevented(forgetting: Forgetting, open: OpenOrders): Promise<boolean> {
  if (open.count === 0) return false;
  await noteForgetting({ forgetting, status: forgetting.whenFinished ? 'waiting' : 'refused', open });
  return true;
}
