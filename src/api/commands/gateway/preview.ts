import { orders } from '../../../order/entity.js';
import type { OrderEvent } from '../../../order/events.js';
import { fold } from '../../../order/evolve.js';
import type { Order } from '../../../order/order.js';
import { type OrderView, type PaymentStatus, toView } from '../../../order/view.js';
import { deadlinesOf, type UpcomingDeadline } from '../../schemas/deadline.js';
import { type ShownEffect, shownEffectOf } from '../../schemas/effect.js';

/** What a command would do. */
export interface Preview {
  readonly orderId: string;
  /** the version of the order now, before the command; 0 if it would create the order */
  readonly version: number;
  readonly events: readonly OrderEvent[];
  /** the effects that the order would owe because of the command */
  readonly effects: readonly ShownEffect[];
  /** the amounts before the command, and after its events, but before any effect is performed */
  readonly money: { readonly before: Money; readonly after: Money };
  /** the deadlines that the order would have after the command */
  readonly deadlines: readonly UpcomingDeadline[];
  readonly allowedCommands: readonly string[];
  readonly blockedCommands: Readonly<Record<string, string>>;
  /** the order as it would be after the command */
  readonly order: OrderView;
}

/** Minor units of the order's currency. */
export interface Money {
  readonly total: number;
  readonly authorized: number;
  readonly captured: number;
  readonly refunded: number;
  readonly paymentStatus: PaymentStatus;
}

/**
 * @param before undefined if the command creates the order
 * @param events the events that the command leads to
 */
export function previewOf(before: Order | undefined, events: readonly OrderEvent[]): Preview {
  const after = fold(events, before);
  if (after === undefined) throw new TypeError('Without an order, a preview needs events.');
  const order = toView(after);
  const { orderId, allowedCommands, blockedCommands } = order;
  const owed = new Set(before?.owed.map(({ key }) => key));
  return {
    orderId,
    version: before?.version ?? 0,
    events,
    effects: orders
      .effects(after)
      .filter(({ key }) => !owed.has(key))
      .map(shownEffectOf),
    money: { before: before === undefined ? nothing : moneyOf(toView(before)), after: moneyOf(order) },
    deadlines: deadlinesOf(after),
    allowedCommands,
    blockedCommands,
    order,
  };
}

const nothing: Money = { total: 0, authorized: 0, captured: 0, refunded: 0, paymentStatus: 'none' };

function moneyOf({ total, authorized, captured, refunded, paymentStatus }: OrderView): Money {
  return { total, authorized, captured, refunded, paymentStatus };
}
