import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { ANSWER_WITHIN_MS, START_WAIT_FACTOR } from '../log/gateway/outcome.js';
import { latestRun } from '../log/resume/kept-runs.js';
import { committed, durable } from '../mongodb/durability.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { FRESH_MS } from '../sealing/key-store/key-cache.js';
import type { Databases } from '../databases.js';
import { findOpenOrders, ordersOf } from './customer-orders.js';
import { forgettings, type ForgettingRow, latestForgetting } from './forgettings.js';
import { type Forgetting, forgetWorkflow, forgetWorkflowId, type OpenOrders } from './messages.js';

const RESERVE_MS = 4_000;
/**
 * How long a process may still start orders under a key that was taken out of use: it does not ask
 * the key store again for `FRESH_MS`, and the start that it sends then may take its whole time.
 */
export const KEY_IN_USE_MS = FRESH_MS + START_WAIT_FACTOR * ANSWER_WITHIN_MS + RESERVE_MS;

/** A request to forget a customer, without the id and the time that it gets. */
export type ForgetRequest = Omit<Forgetting, 'id' | 'requestedAt'>;

export type Requested =
  /**
   * The forgetting has begun or is done, as its row says. `replayed`: an earlier call with this
   * command began it.
   */
  | { readonly kind: 'accepted'; readonly row: ForgettingRow; readonly replayed?: true }
  /** the customer has open orders, and the request does not allow waiting for them */
  | { readonly kind: 'open'; readonly open: OpenOrders }
  | { readonly kind: 'unknown_customer' }
  /**
   * another forgetting of the customer is done, but its workflow has not ended yet; a later request
   * can succeed
   */
  | { readonly kind: 'another_ends' }
  /** the command's key was used with another body */
  | { readonly kind: 'key_reused' };

/**
 * Starts the workflow that forgets a customer, unless one is running already. A repeated
 * command gets the same answer; if Temporal has lost the workflow, the command starts it again.
 *
 * @throws errors of MongoDB and Temporal during an outage
 */
export async function requestForgetting(databases: Databases, asked: ForgetRequest): Promise<Requested> {
  const { db } = databases;
  const { customerId, whenFinished, commandId, hash } = asked;
  const id = createHash('sha256').update(commandId).digest('hex').slice(0, 32);
  const known = await forgettings(db).findOne({ _id: id }, committed);
  if (known !== null && known.hash !== hash) return { kind: 'key_reused' };
  if (known !== null && (await continues(databases, known)))
    return { kind: 'accepted', row: known, replayed: true };
  if (!(await hasOrders(databases, customerId))) return { kind: 'unknown_customer' };
  if (!whenFinished) {
    const open = await findOpenOrders(databases, customerId);
    if (open.count > 0) return { kind: 'open', open };
  }
  const forgetting: Forgetting = {
    ...asked,
    id,
    requestedAt: known?.requestedAt ?? new Date().toISOString(),
  };
  const instead = await start(databases, forgetting);
  if (instead !== undefined) return instead;
  const { id: _id, keyInUseMs: _, ...row } = { ...forgetting, status: 'forgetting' as const };
  await forgettings(db).updateOne({ _id }, { $setOnInsert: row }, { ...durable, upsert: true });
  return { kind: 'accepted', row: { _id, ...row } };
}

/**
 * Whether a forgetting is done or goes on by itself. False if it was refused, or if its workflow is
 * not running: Temporal was restored, or an operator has terminated it. During an outage of
 * Temporal, the workflow is assumed to be running.
 */
async function continues(
  { client, taskQueue }: Databases,
  { status, customerId }: ForgettingRow,
): Promise<boolean> {
  if (status === 'forgotten') return true;
  if (status === 'refused') return false;
  try {
    return (await latestRun(client, forgetWorkflowId(customerId, taskQueue)))?.isRunning === true;
  } catch (error) {
    if (isTemporalOutage(error)) return true;
    throw error;
  }
}

const TRY_AGAIN_MS = 100;
const MAX_ATTEMPTS = 50;

/**
 * Starts the workflow of a forgetting.
 *
 * @returns undefined if it was started; otherwise the answer to the request
 */
async function start(
  { client, db, taskQueue }: Databases,
  forgetting: Forgetting,
): Promise<Requested | undefined> {
  const { customerId } = forgetting;
  for (let left = MAX_ATTEMPTS; left > 0; left -= 1) {
    try {
      await client.workflow.start(forgetWorkflow, {
        workflowId: forgetWorkflowId(customerId, taskQueue),
        taskQueue,
        args: [forgetting],
        staticSummary: `forget the personal data of customer ${customerId}`,
      });
      return undefined;
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    const row = await latestForgetting(db, customerId);
    if (row !== undefined && row.status !== 'forgotten') return { kind: 'accepted', row };
    // The other forgetting is done and its workflow is about to end, or its row does not exist yet.
    if (left > 1) await setTimeout(TRY_AGAIN_MS);
  }
  return { kind: 'another_ends' };
}

async function hasOrders(databases: Databases, customerId: string): Promise<boolean> {
  for await (const _ of ordersOf(databases, customerId)) return true;
  return false;
}
