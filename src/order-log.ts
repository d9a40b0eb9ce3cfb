import { cliLinesOf } from './log/entity-log/cli-lines.js';
import { type EntityLog, workflowIdOf } from './log/entity-log/entity-log.js';
import type { HistoryLog } from './log/history/history.js';
import { answerOf as answerTo } from './log/workflow/answer.js';
import type { Answer as EntityAnswer, EntityState, Message } from './log/workflow/messages.js';
import type { ContinuedEntity, NewEntity, ResumedEntity } from './log/workflow/inputs.js';
import type { EntityStep, LogActivities } from './log/workflow/steps.js';
import type { CommandData, CommandType, FactData, FactType } from './order/commands.js';
import type { EffectOf, EffectType, OutcomeOf } from './order/effects.js';
import { orders } from './order/entity.js';
import type { EventDraft, EventType, OrderEvent } from './order/events.js';
import type { Order, OrderStatus } from './order/order.js';
import { toView } from './order/view.js';
import { startOptionsOf } from './order-start.js';
import { ordersStateView } from './views/orders.js';

/** The log of orders. The rest of this file narrows types and functions of `log/` to orders. */
export const orderLog: EntityLog<Order, EventDraft> = {
  entity: orders,
  feedId: 'feed',
  journalRebuild: 'journal',
  view: ordersStateView,
  shape: { of: toView, ids: ['shipmentId', 'refundId', 'returnId', 'sku'] },
  startOptions: startOptionsOf,
  reconciliations: 'reconciliations',
  cliLines: { ...cliLinesOf(), events: (orderId) => `npx orders events ${orderId}` },
};

/** An order's log, as it was read from Temporal's histories. */
export type OrderHistory = HistoryLog<Order, EventDraft>;

/** Name of the workflow type; an order's workflow id is `order-<orderId>`. */
export const orderWorkflow = orders.name;

export function workflowId(orderId: string): string {
  return workflowIdOf(orderLog, orderId);
}

export type CommandMessage<T extends CommandType> = Message<CommandData[T]>;
export type FactMessage<T extends FactType = FactType> = Message<FactData[T]>;

export type NewOrder = NewEntity<CommandData['CreateOrder']>;
export type ContinuedOrder = ContinuedEntity<Order>;
export type ResumedOrder = ResumedEntity<Order>;
/** The answer to the query `state`. */
export type OrderState = EntityState<Order>;

/**
 * The answer to a command. `shipmentId` or `returnId` names the part that the command has created.
 */
export interface CommandAnswer extends Omit<EntityAnswer, 'requestId'> {
  readonly status: OrderStatus;
  readonly events: readonly { readonly version: number; readonly type: EventType }[];
  readonly shipmentId?: string;
  readonly returnId?: string;
}

export type Answer = CommandAnswer & Pick<EntityAnswer, 'requestId'>;

export type Step<T extends EffectType = EffectType> = EntityStep<EffectOf<T>>;
/** The activities of an order. Each effect's activity is named after its type. */
export type Steps = LogActivities & { [T in EffectType]: (step: Step<T>) => Promise<OutcomeOf<T>> };

export function answerOf(order: Order, events: readonly OrderEvent[]): CommandAnswer {
  return answerTo(order, events, orders.answerFields) as CommandAnswer;
}
