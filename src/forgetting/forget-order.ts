import { setTimeout } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { contiguous } from '../log/journal/fold.js';
import { recallCommands } from '../log/journal/command-memory.js';
import { committed } from '../mongodb/durability.js';
import { journal } from '../log/journal/journal.js';
import { readStored } from '../log/journal/read-journal.js';
import type { Databases } from '../log/history/databases.js';
import { refusalIn } from '../log/history/refused-update.js';
import { latestRun } from '../log/resume/kept-runs.js';
import { startAgain, startOptionsAgain } from '../log/resume/start-again.js';
import { type Message, messageId } from '../log/workflow/messages.js';
import { forgetPerson, type ForgetPerson } from '../order/commands.js';
import type { OrderEvent } from '../order/events.js';
import { fold } from '../order/evolve.js';
import { forget, withoutPerson } from '../order/forget.js';
import type { Order } from '../order/order.js';
import { upcast } from '../order/upcasters.js';
import { type CommandAnswer, orderLog, type ResumedOrder, workflowId } from '../order-log.js';

/** The command `ForgetPerson` to an order. */
export type ForgetMessage = Message<ForgetPerson['data']>;

const ANSWER_WITHIN_MS = 5_000;
const RECORDED_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 50;

/**
 * Makes an order forget its person. A running workflow takes the command. An order whose workflow
 * has ended gets a new run, which takes it over from the journal. When this resolves, the journal
 * has the event. A repeated call changes nothing. If the order has ended and the journal lacks its
 * first events, no run can take it over, and nothing changes.
 *
 * @throws Error if it is not done yet; the caller tries again
 */
export async function forgetInOrder(
  databases: Databases,
  orderId: string,
  message: ForgetMessage,
): Promise<void> {
  const { db } = databases;
  const answer = await update(databases, orderId, message);
  if (answer === 'ended') {
    const log = contiguous(await readStored(orderLog, db, orderId)).map((event) => upcast(event));
    const order = fold(log);
    const [created] = log;
    if (order === undefined || created === undefined) return;
    const decision = forget(order, message.data);
    if ('refusal' in decision) throw new Error(`order ${orderId}: ${decision.refusal.message}`);
    if (decision.events.length === 0) return;
    await takeOver(databases, created, order, message);
  } else if (answer.events.length === 0) return;
  await untilRecorded(db, orderId, message);
}

/** The workflow's answer, or `ended` if no workflow of the order is running. */
async function update(
  { client, db }: Pick<Databases, 'client' | 'db'>,
  orderId: string,
  message: ForgetMessage,
): Promise<Pick<CommandAnswer, 'events'> | 'ended'> {
  try {
    return await client.connection.withDeadline(Date.now() + ANSWER_WITHIN_MS, () =>
      client.workflow
        .getHandle(workflowId(orderId))
        .executeUpdate<CommandAnswer, [ForgetMessage]>(forgetPerson, {
          args: [message],
          updateId: messageId(message),
        }),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'ended';
    const upTo = refusalIn(error)?.memoryFrom;
    if (upTo === undefined || message.absentUpTo === upTo) throw error;
    const [known] = await recallCommands(orderLog, db, orderId, [message.commandId], upTo);
    if (known !== undefined) return { events: [] };
    return await update({ client, db }, orderId, { ...message, absentUpTo: upTo });
  }
}

/**
 * Starts a run that takes the order over from its journal, and forgets the person. If another run
 * was started meanwhile, the next attempt finds it.
 */
async function takeOver(
  { client, taskQueue }: Databases,
  created: OrderEvent,
  order: Order,
  message: ForgetMessage,
): Promise<void> {
  const { orderId } = created;
  const { commandId, hash, correlationId, actor, onBehalfOf } = message;
  const previousRunId = (await latestRun(client, workflowId(orderId)))?.runId;
  const resumed: ResumedOrder = {
    orderId,
    resume: {
      // This id differs from the id of the message. If the new run found the message's id in its
      // log, it would take the message for a repetition.
      commandId: `${commandId}.resume`,
      hash,
      correlationId,
      actor,
      ...(onBehalfOf !== undefined && { onBehalfOf }),
      reason: 'its person is forgotten',
      ...(previousRunId !== undefined && { previousRunId }),
      messages: [{ name: forgetPerson, message }],
    },
  };
  const options = startOptionsAgain(orderLog, withoutPerson(order), created);
  await startAgain(orderLog, { client, taskQueue }, resumed, options);
}

async function untilRecorded(db: Db, orderId: string, { commandId }: ForgetMessage): Promise<void> {
  const giveUpAt = Date.now() + RECORDED_WITHIN_MS;
  const event = { orderId, type: 'PersonForgotten', commandId };
  while ((await journal(orderLog, db).findOne(event, { ...committed, projection: { _id: 1 } })) === null) {
    if (Date.now() > giveUpAt) throw new Error(`the journal lacks PersonForgotten of order ${orderId}`);
    await setTimeout(LOOK_EVERY_MS);
  }
}
