import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { contiguous } from '../log/journal/fold.js';
import { recallCommands } from '../log/journal/command-memory.js';
import { committed } from '../mongodb/durability.js';
import { journal } from '../log/journal/journal.js';
import { readStoredEvents } from '../log/journal/read-journal.js';
import { restoreLog } from '../log/journal/truncated-log.js';
import { NewerEvent } from '../log/entity.js';
import type { Databases } from '../databases.js';
import type { Asking } from '../log/gateway/ask-repeatedly.js';
import { ANSWER_WITHIN_MS } from '../log/gateway/outcome.js';
import { sendUpdate } from '../log/gateway/send-command.js';
import { readHistoryLog } from '../log/history/history.js';
import { latestRun } from '../log/resume/kept-runs.js';
import { startResumed } from '../log/resume/start-again.js';
import type { Answer, Message } from '../log/workflow/messages.js';
import { forgetPerson, type ForgetPerson } from '../order/commands.js';
import type { OrderEvent } from '../order/events.js';
import { fold } from '../order/evolve.js';
import { forget, withoutPerson } from '../order/forget.js';
import type { Order } from '../order/order.js';
import { upcast } from '../order/upcasters.js';
import { isServerError } from '../outages/server-error.js';
import { orderLog, workflowId } from '../order-log.js';

/** The command `ForgetPerson` to an order. */
export type ForgetMessage = Message<ForgetPerson['data']>;

const RECORDED_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 50;

/** What is known about an order: its version is that of its view, or of its history. */
type KnownOrder = Pick<Order, 'orderId' | 'version'>;

/**
 * Makes an order forget its personal data. A running workflow takes the command. An order whose
 * workflow has ended gets a new run, which takes it over from the journal. When this resolves, the
 * journal has `PersonForgotten`, except for an order that has ended and has lost events: no run can
 * take it over, so nothing changes (`hasLostEvents`). A repeated call changes nothing.
 *
 * @throws Error if it is not done yet; the caller tries again
 */
export async function forgetInOrder(
  databases: Databases,
  known: KnownOrder,
  message: ForgetMessage,
): Promise<void> {
  const { db } = databases;
  const { orderId } = known;
  const answer = await update(databases, orderId, message);
  if (answer === 'ended') {
    const log = await wholeLog(databases, known);
    const order = log && fold(log);
    if (log === undefined || order === undefined) return;
    const decision = forget(order, message.data);
    if ('refusal' in decision) throw new Error(`order ${orderId}: ${decision.refusal.message}`);
    if (decision.events.length === 0) return;
    await takeOver(databases, log, order, message);
  } else if (answer.events.length === 0) return;
  await untilRecorded(db, orderId, message);
}

/**
 * True if the order cannot be resumed: its workflow has ended, and the journal lacks events even
 * after `forgetInOrder` has restored those that a history had.
 */
export async function hasLostEvents({ client, db }: Databases, known: KnownOrder): Promise<boolean> {
  if ((await recordedEvents(db, known)).length >= known.version) return false;
  return (await latestRun(client, workflowId(known.orderId)))?.isRunning !== true;
}

/**
 * The order's events. Those that the journal lacks are restored first, from a history that Temporal
 * still has. Undefined if the journal still lacks some, for example because the history cannot be
 * read, or contradicts the journal.
 */
async function wholeLog(
  { client, db }: Databases,
  known: KnownOrder,
): Promise<readonly OrderEvent[] | undefined> {
  let recorded = await recordedEvents(db, known);
  if (recorded.length < known.version) {
    try {
      const history = await readHistoryLog(orderLog, client, known.orderId);
      if (history === undefined || history.isForecast) return undefined;
      await restoreLog(orderLog, db, history.events);
    } catch (error) {
      if (isServerError(error) || error instanceof NewerEvent) throw error;
      return undefined;
    }
    recorded = await recordedEvents(db, known);
  }
  return recorded.length < known.version ? undefined : recorded.map((event) => upcast(event));
}

/** The events in the journal, up to the first gap. */
async function recordedEvents(db: Db, { orderId }: KnownOrder) {
  return contiguous(await readStoredEvents(orderLog, db, orderId));
}

/** The workflow's answer, or `ended` if no workflow of the order is running. */
async function update(
  { client, db }: Databases,
  orderId: string,
  message: ForgetMessage,
): Promise<Pick<Answer, 'events'> | 'ended'> {
  const recall: Asking['recall'] = (...asked) => recallCommands(orderLog, db, ...asked);
  const asking = { client, recall, answerWithinMs: ANSWER_WITHIN_MS };
  const sent = await client.connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, () =>
    sendUpdate(orderLog, asking, orderId, forgetPerson, message),
  );
  if (sent.kind === 'answered') return sent.answer;
  if (sent.kind === 'no-workflow') return 'ended';
  const why = sent.kind === 'refused' ? sent.refusal.message : 'no run has handled the command';
  throw new Error(`order ${orderId}: ${why}`);
}

/**
 * Starts a run that takes the order over from its journal, and forgets the personal data. If
 * another run was started meanwhile, the next attempt finds it.
 */
async function takeOver(
  databases: Databases,
  log: readonly OrderEvent[],
  order: Order,
  message: ForgetMessage,
): Promise<void> {
  const { orderId } = order;
  const { commandId, hash, correlationId, actor, onBehalfOf } = message;
  await startResumed(orderLog, databases, {
    orderId,
    command: {
      // This id differs from the id of the message. If the new run found the message's id in its
      // log, it would take the message for a repetition.
      commandId: `${commandId}.resume`,
      hash,
      correlationId,
      actor,
      ...(onBehalfOf !== undefined && { onBehalfOf }),
      reason: 'its personal data is forgotten',
    },
    state: withoutPerson(order),
    run: await latestRun(databases.client, workflowId(orderId)),
    journal: log,
    messages: [{ name: forgetPerson, message }],
  });
}

async function untilRecorded(db: Db, orderId: string, { commandId }: ForgetMessage): Promise<void> {
  const giveUpAt = Date.now() + RECORDED_WITHIN_MS;
  const event = { orderId, type: 'PersonForgotten', commandId };
  while ((await journal(orderLog, db).findOne(event, { ...committed, projection: { _id: 1 } })) === null) {
    if (Date.now() > giveUpAt) throw new Error(`the journal lacks PersonForgotten of order ${orderId}`);
    await setTimeout(LOOK_EVERY_MS);
  }
}
