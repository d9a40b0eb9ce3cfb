import { WorkflowNotFoundError } from '@temporalio/client';
import { findCommand } from '../../../log/journal/command-memory.js';
import { foldHistory, readHistoryLog } from '../../../log/history/history.js';
import { didNothing } from '../../../log/workflow/answer.js';
import { keyOf } from '../../../log/workflow/command-id.js';
import type { Remembered } from '../../../log/workflow/answer.js';
import type { Message } from '../../../log/workflow/messages.js';
import { asOrderAnswer, orderLog, workflowId } from '../../../order-log.js';
import type { OrderEvent } from '../../../order/events.js';
import { fold } from '../../../order/evolve.js';
import { isFinished, type Order } from '../../../order/order.js';
import { withTimeout } from '../../../outages/timeout.js';
import type { CommandResult } from './gateway.js';
import type { GatewayContext } from './context.js';
import { journalUnavailable, keyReused, notFound, orderClosed, stale, workflowEnded } from './refusals.js';

/**
 * Answers if no workflow runs: the order has ended, or never existed. If Temporal no longer knows
 * the order, the journal says whether it existed.
 */
export async function withoutWorkflow(
  context: GatewayContext,
  orderId: string,
  message: Message,
  sent: 'update' | 'signal',
): Promise<CommandResult> {
  let found: Awaited<ReturnType<typeof recordedOrder>>;
  try {
    found = await recordedOrder(context, orderId);
  } catch (error) {
    context.logger.warn(
      { err: error, orderId, correlationId: message.correlationId },
      'the journal cannot be asked',
    );
    return { kind: 'unknown-outcome', orderId };
  }
  const { events, order } = found;
  const status = order !== undefined && isFinished(order) ? 'COMPLETED' : await statusOf(context, orderId);
  // Another run has started in the meantime.
  if (status === 'RUNNING') return { kind: 'unknown-outcome', orderId };
  const isOver = status === 'COMPLETED';
  if (order === undefined) {
    if (status === undefined) return notFound(orderId);
    // A run fails by itself only if its start has no valid order.
    return isOver || status === 'FAILED' ? orderClosed(orderId) : workflowEnded(orderId, status);
  }
  const known = findCommand(orderLog, events, message.commandId, order.status);
  const repeated = known && repeatedOf(known, message);
  if (repeated?.kind === 'refused') return repeated;
  if (sent === 'signal' && known !== undefined) return { kind: 'accepted', orderId, replayed: true };
  if (repeated !== undefined) return repeated;
  const { expectedVersion } = message;
  if (expectedVersion !== undefined && expectedVersion !== order.version)
    return stale(order, expectedVersion);
  const refused = isOver ? orderClosed(orderId) : workflowEnded(orderId, status);
  return { ...refused, version: order.version, status: order.status };
}

/**
 * The status of the order's last run, in Temporal's words; undefined if Temporal knows no run.
 */
async function statusOf(context: GatewayContext, orderId: string): Promise<string | undefined> {
  const { client, inTime } = context;
  try {
    const { status } = await inTime(() => client.workflow.getHandle(workflowId(orderId)).describe());
    return status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * The order's latest state: from its history, or from its journal if Temporal has deleted the
 * history.
 */
export async function latestOrder(context: GatewayContext, orderId: string): Promise<Order | undefined> {
  const { client, inTime } = context;
  const log = await inTime(() => readHistoryLog(orderLog, client, orderId));
  return (log && foldHistory(orderLog, log)) ?? (await recordedOrder(context, orderId)).order;
}

/**
 * An order's events in the journal, and the order after them. If the first events are lost, the
 * order is read from its view.
 */
async function recordedOrder(
  context: GatewayContext,
  orderId: string,
): Promise<{ readonly events: readonly OrderEvent[]; readonly order: Order | undefined }> {
  const { answerWithinMs, readJournal, orderInView } = context;
  const events = await withTimeout(answerWithinMs, readJournal(orderId));
  if (events.length === 0 || events[0]?.version === 1) return { events, order: fold(events) };
  return { events, order: await withTimeout(answerWithinMs, orderInView(orderId)) };
}

/**
 * The answer to a command that the order may have forgotten; undefined if the order never had it.
 */
export async function fromJournal(
  context: GatewayContext,
  message: Message,
  orderId: string,
  upTo: number,
  giveUpAt: number,
): Promise<CommandResult | undefined> {
  const { recall, logger } = context;
  try {
    const [known] = await withTimeout(giveUpAt - Date.now(), recall(orderId, [message.commandId], upTo));
    return known && repeatedOf(known, message);
  } catch (error) {
    const { commandId, correlationId } = message;
    logger.warn({ err: error, orderId, commandId, correlationId }, 'the journal cannot be asked');
    return journalUnavailable();
  }
}

/**
 * The answer to a message whose command the order has had before. Undefined if the command changed
 * nothing then, such as a rejected signal: a message with its key is judged again.
 */
export function repeatedOf(known: Remembered, message: Message): CommandResult | undefined {
  if (known.hash !== undefined && known.hash !== message.hash) return keyReused(keyOf(message.commandId));
  if (didNothing(known)) return undefined;
  const { requestId: _, ...answer } = known.answer;
  return { kind: 'answered', answer: asOrderAnswer(answer), replayed: true };
}
