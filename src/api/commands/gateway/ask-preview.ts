import { WorkflowNotFoundError } from '@temporalio/client';
import type { CustomerKey } from '../../../sealing/customer-key.js';
import { askRepeatedly, earlierOutcome, repeatedOutcome } from '../../../log/gateway/ask-repeatedly.js';
import { type CommandMeta, idsOf, messageTo } from '../../../log/gateway/message.js';
import { foldHistory, readHistoryLog } from '../../../log/history/history.js';
import { findCommand } from '../../../log/journal/command-memory.js';
import {
  type EntityPreview,
  type Message,
  type PreviewRequest,
  previewQuery,
} from '../../../log/workflow/messages.js';
import { previewEvents } from '../../../log/workflow/preview.js';
import { orderLog, workflowId } from '../../../order-log.js';
import type { FollowUpCommand, FollowUpType } from '../../../order/commands.js';
import { orders } from '../../../order/entity.js';
import type { Order } from '../../../order/order.js';
import { withTimeout } from '../../../outages/timeout.js';
import type { Starting } from './starting.js';
import { asOrderResult, type CommandResult, type Gateway, type OrderBody } from './gateway.js';
import type { GatewayContext } from './context.js';
import { previewOf } from './preview.js';
import { idReserved, previewUnavailable, stale } from './refusals.js';
import { previewKey, withoutPreviewKey } from './sealed-commands.js';
import type { Sealing } from './send-sealed.js';
import { latestOrder, withoutWorkflow } from './without-workflow.js';

/** How long to wait for a workflow's answer. After that, its history is read instead. */
const PREVIEW_WITHIN_MS = 2_000;

/** Creates the functions that say what a command would do, without doing it. */
export function createPreviews(
  context: GatewayContext,
  { sendSealed }: Sealing,
  { newOrder }: Starting,
): Pick<Gateway, 'previewCreate' | 'preview'> {
  async function previewCreate(
    id: string | undefined,
    body: OrderBody,
    meta: CommandMeta,
  ): Promise<CommandResult> {
    const pending = await newOrder(id, body, meta, keyOfPreviews);
    if ('kind' in pending) return pending;
    const { message, order, events, isReserved } = pending;
    const { orderId } = order;
    return await previewed(context, orderId, message, async () => {
      const existing = (await pending.answerFromJournal()) ?? (await pending.answerFromTemporal());
      if (existing !== undefined) return existing;
      if (isReserved) return idReserved(orderId);
      return { kind: 'previewed', preview: previewOf(undefined, events), replayed: false };
    });
  }

  async function preview(
    orderId: string,
    command: FollowUpCommand,
    meta: CommandMeta,
  ): Promise<CommandResult> {
    const ask = async ({ type, data }: FollowUpCommand): Promise<CommandResult> => {
      const asked = messageTo<object>(orderId, type, data, meta);
      const previewOnce = (message: Message) => previewIn(context, orderId, type, message);
      return asOrderResult(await askRepeatedly<CommandResult>(context, orderId, asked, previewOnce));
    };
    return await previewed(context, orderId, idsOf(meta), () =>
      sendSealed(orderId, command, meta, ask, keyOfPreviews),
    );
  }

  return { previewCreate, preview };
}

/**
 * Turns the result of `ask` into the answer to a preview. If the command was answered before, the
 * preview says that it would do nothing.
 */
async function previewed(
  context: GatewayContext,
  orderId: string,
  ids: Pick<Message, 'commandId' | 'correlationId'>,
  ask: () => Promise<CommandResult>,
): Promise<CommandResult> {
  const result = await context.outcomeOf(orderId, ids, async () => {
    const found = await ask();
    if (found.kind !== 'answered') return found;
    const order = await latestOrder(context, orderId);
    if (order === undefined) return { kind: 'unknown-outcome', orderId };
    return { kind: 'previewed', preview: previewOf(order, []), replayed: true };
  });
  if (result.kind === 'unknown-outcome') return previewUnavailable(orderId);
  if (result.kind !== 'previewed') return result;
  return { ...result, preview: await withoutPreviewKey(result.preview) };
}

/** Asks the workflow. If no worker answers, reads its history. */
async function previewIn(
  context: GatewayContext,
  orderId: string,
  type: FollowUpType,
  message: Message,
): Promise<CommandResult> {
  const { client, inTime, answerWithinMs } = context;
  const at = new Date().toISOString();
  try {
    const handle = client.workflow.getHandle(workflowId(orderId));
    const [answer, { status }] = await inTime(
      () =>
        Promise.all([
          handle.query<EntityPreview<Order>, [PreviewRequest]>(previewQuery, { type, message, at }),
          handle.describe(),
        ]),
      Math.min(PREVIEW_WITHIN_MS, answerWithinMs),
    );
    if (status.name !== 'RUNNING') return await withoutWorkflow(context, orderId, message, 'update');
    if ('refused' in answer) return { kind: 'refused', ...answer.refused };
    const { order, events, replayed } = answer;
    const upcast = events.map((event) => orderLog.entity.upcast(event));
    return { kind: 'previewed', preview: previewOf(order, upcast), replayed };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError)
      return await withoutWorkflow(context, orderId, message, 'update');
    return await previewInHistory(context, orderId, type, message, at);
  }
}

async function previewInHistory(
  context: GatewayContext,
  orderId: string,
  type: FollowUpType,
  message: Message,
  at: string,
): Promise<CommandResult> {
  const { client, inTime, answerWithinMs } = context;
  const log = await inTime(() => readHistoryLog(orderLog, client, orderId));
  const order = log && foldHistory(orderLog, log);
  if (log === undefined || order === undefined || !log.isOpen)
    return await withoutWorkflow(context, orderId, message, 'update');
  if (log.isResuming) return { kind: 'unknown-outcome', orderId };
  const known = findCommand(orderLog, log.events, message.commandId, order.status);
  const repeated = known && repeatedOutcome(known, message);
  if (repeated !== undefined) return asOrderResult(repeated);
  if (!log.isComplete) {
    // Temporal no longer keeps the earlier runs, so their commands are looked up in the journal.
    const recalled = context.recall(orderId, [message.commandId], log.firstVersion - 1);
    const earlier = await earlierOutcome(message, withTimeout(answerWithinMs, recalled));
    if (earlier !== undefined) return asOrderResult(earlier);
  }
  const { version, status } = order;
  const { expectedVersion } = message;
  if (expectedVersion !== undefined && expectedVersion !== version) return stale(order, expectedVersion);
  const decision = orders.decide(order, type, message.data, at);
  if ('refusal' in decision) {
    const { allowedCommands } = orders.allowed(order);
    return { kind: 'refused', refusal: decision.refusal, version, status, allowedCommands };
  }
  const events = previewEvents(orders, order, type, message, at);
  return { kind: 'previewed', preview: previewOf(order, events), replayed: false };
}

/**
 * A key of this process, never the customer's own. Under one key, equal texts have equal sealed
 * values. So with the customer's key, a client without `persons:read` could preview guesses, and
 * compare them with the order. A command that was sent before is still found, because the
 * customer's keys are tried for it.
 */
const keyOfPreviews = async (): Promise<CustomerKey> => previewKey;
