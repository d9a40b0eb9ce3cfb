import type { Attribute } from '../log/entity.js';
import type { Order } from './order.js';
import { type FulfillmentStatus, fulfillmentStatus, type PaymentStatus, paymentStatus } from './view.js';

/** The search attribute that has the customer's id; set at the workflow's start. */
export const customerAttribute = 'CustomerId';

/** Further search attributes of an order's workflow, and their types in Temporal. */
export const listedAttributes = {
  PaymentStatus: 'Keyword',
  FulfillmentStatus: 'Keyword',
  OrderHeld: 'Bool',
  NeedsAttention: 'Bool',
  OrderTotal: 'Int',
} as const;

/**
 * Statuses that most orders pass through without stopping. They are written to Temporal with the
 * next change of another attribute, because an upsert for each would add events to every history.
 */
const passing: ReadonlySet<PaymentStatus | FulfillmentStatus> = new Set([
  'none',
  'authorized',
  'captured',
  'shipped',
  'delivered',
]);

/** The values by which an order is found in Temporal's list. */
export function listing(order: Order): readonly Attribute[] {
  const payment = paymentStatus(order);
  const fulfillment = fulfillmentStatus(order);
  return [
    { name: 'PaymentStatus', value: payment, atOnce: !passing.has(payment) },
    { name: 'FulfillmentStatus', value: fulfillment, atOnce: !passing.has(fulfillment) },
    { name: 'OrderHeld', value: order.holds.length > 0, atOnce: true },
    {
      name: 'NeedsAttention',
      value: order.facts?.some(({ unmatched }) => unmatched === true) ?? false,
      atOnce: true,
    },
    { name: 'OrderTotal', value: order.total, atOnce: true },
  ];
}
