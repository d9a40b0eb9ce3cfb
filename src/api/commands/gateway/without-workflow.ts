import { repeatedOutcome } from '../../../log/gateway/ask-repeatedly.js';
import { workflowEnded } from '../../../log/gateway/outcome.js';
import { lastStatus } from '../../../log/gateway/send-command.js';
import { findCommand } from '../../../log/journal/command-memory.js';
import { foldHistory, readHistoryLog } from '../../../log/history/history.js';
import type { Message } from '../../../log/workflow/messages.js';
import { orderLog } from '../../../order-log.js';
import type { OrderEvent } from '../../../order/events.js';
import { fold } from '../../../order/evolve.js';
import { isFinished, type Order } from '../../../order/order.js';
import { withTimeout } from '../../../outages/timeout.js';
import { asOrderResult, type CommandResult } from './gateway.js';
import type { GatewayContext } from './context.js';
import { notFound, orderClosed, stale } from './refusals.js';

/**
 * The result of a command to an order without a running workflow: the order has ended or never
 * existed, or its workflow ended before the order did. If Temporal no longer knows the order, the
 * journal says whether it existed.
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
  const hasEnded = order !== undefined && isFinished(order);
  const status = hasEnded
    ? 'COMPLETED'
    : await context.inTime(() => lastStatus(orderLog, context.client, orderId));
  // Another run has started in the meantime.
  if (status === 'RUNNING') return { kind: 'unknown-outcome', orderId };
  const isOver = status === 'COMPLETED';
  if (order === undefined) {
    if (status === undefined) return notFound(orderId);
    // A run fails by itself only if its start has no valid order.
    return isOver || status === 'FAILED' ? orderClosed(orderId) : workflowEnded(orderLog, orderId, status);
  }
  const known = findCommand(orderLog, events, message.commandId, order.status);
  const repeated = known && repeatedOutcome(known, message);
  if (repeated?.kind === 'refused') return repeated;
  if (sent === 'signal' && known !== undefined) return { kind: 'accepted', orderId, replayed: true };
  if (repeated !== undefined) return asOrderResult(repeated);
  const { expectedVersion } = message;
  if (expectedVersion !== undefined && expectedVersion !== order.version)
    return stale(order, expectedVersion);
  const refused = isOver ? orderClosed(orderId) : workflowEnded(orderLog, orderId, status);
  return { ...refused, version: order.version, status: order.status };
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
