import { limits } from './commands.js';
import type { EventDraft } from './events.js';
import type { Order } from './order.js';
import type { Refusal } from './refusal.js';
import { isUnder } from './rules.js';

/**
 * What the log says of a command that was refused while no caller waits for its answer. The log does not grow with them
 * without end: an identical refusal in an unchanged order is said once, and no order says more than `limits.rejections`.
 */
export function rejectionOf(
  order: Order,
  command: string,
  { code, message }: Pick<Refusal, 'code' | 'message'>,
): readonly EventDraft[] {
  const rejection = { command, code, message };
  const known = order.rejections;
  if (isUnder(order, 2) && known !== undefined) {
    if (known.total >= limits.rejections || known.unchanged.includes(rejectionKey(rejection))) return [];
  }
  return [{ type: 'CommandRejected', data: rejection }];
}

/** Two refusals with the same key are identical. */
export function rejectionKey({ command, code, message }: Refused): string {
  return JSON.stringify([command, code, message]);
}

type Refused = Extract<EventDraft, { type: 'CommandRejected' }>['data'];
