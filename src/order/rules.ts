import type { Order } from './order.js';

/**
 * The rules by which new orders are decided. An order keeps its rules to its end, because a replay
 * decides again what was decided before and must reach the same result. So code that decides in a
 * new way must ask `followsRules`.
 *
 * | rules | what changed                                                 |
 * | ----- | ------------------------------------------------------------ |
 * | 2     | money belongs to the shipment line that it was paid for;     |
 * |       | an identical refusal in an unchanged order is written once   |
 */
export const RULES_TODAY = 2;

/**
 * Whether the order is decided by `rules` or newer ones. `Order.rules` is absent in orders under
 * rules 1, because they are older than the field.
 */
export function followsRules(order: Order, rules: number): boolean {
  return (order.rules ?? 1) >= rules;
}
