import type { Order } from './order.js';

/**
 * The rules that decide a new order. They stay with the order to its end: a replay decides anew what was decided before, and must
 * come to the same. So a decision that changes asks `isUnder`.
 *
 * | rules | since then                                              |
 * | ----- | ------------------------------------------------------- |
 * | 2     | money belongs to the shipment line that it was paid for; |
 * |       | an identical refusal in an unchanged order is told once |
 */
export const rulesToday = 2;

/** The order is decided by these rules or newer ones. Rules 1 are never stored: their orders are older than `Order.rules`. */
export function isUnder(order: Order, rules: number): boolean {
  return (order.rules ?? 1) >= rules;
}
