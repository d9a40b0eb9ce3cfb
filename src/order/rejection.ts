import { LIMITS } from './commands.js';
import type { EventData, EventDraft } from './events.js';
import type { Order } from './order.js';
import type { Refusal } from './refusal.js';
import { followsRules } from './rules.js';

/**
 * The event for a refused command whose caller does not wait for an answer. To bound the log, an
 * identical refusal in an unchanged order is written once, and no order has more than
 * `LIMITS.rejections` of them.
 */
export function rejectionOf(
  order: Order,
  command: string,
  { code, message }: Pick<Refusal, 'code' | 'message'>,
): readonly EventDraft[] {
  const rejection = { command, code, message };
  const known = order.rejections;
  if (followsRules(order, 2) && known !== undefined) {
    if (known.total >= LIMITS.rejections || known.unchanged.includes(rejectionKey(rejection))) return [];
  }
  return [{ type: 'CommandRejected', data: rejection }];
}

/** Refusals are identical if their keys are equal. */
export function rejectionKey({ command, code, message }: EventData['CommandRejected']): string {
  return JSON.stringify([command, code, message]);
}
