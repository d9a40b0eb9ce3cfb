import { type RefusedCommand, refused } from '../../../log/gateway/outcome.js';
import { LIMITS } from '../../../order/commands.js';
import type { Order } from '../../../order/order.js';

export function previewUnavailable(orderId: string): RefusedCommand {
  return refused('busy', 'preview_unavailable', `order ${orderId} cannot preview the command now: try again`);
}

export function keysUnavailable(): RefusedCommand {
  const message =
    'the personal data in this command cannot be sealed, because the key store does not answer: try again with the same key';
  return refused('busy', 'keys_unavailable', message);
}

export function tooManyFacts(orderId: string): RefusedCommand {
  const message = `${LIMITS.facts} facts already wait for order ${orderId}: send it again later, and see \`npx orders attention\``;
  return refused('busy', 'facts_waiting', message);
}

export function idReserved(orderId: string): RefusedCommand {
  const message = `${orderId} has the form of an id that derives from a client and its key (UUID version 8): choose another, or none`;
  return { kind: 'refused', refusal: { kind: 'invalid', code: 'id_reserved', message, pointer: '/id' } };
}

export function orderExists(orderId: string): RefusedCommand {
  const message = `order ${orderId} exists with other content: choose another id, or none`;
  return refused('not_allowed', 'order_exists', message);
}

export function orderClosed(orderId: string): RefusedCommand {
  const message = `order ${orderId} is closed: it takes no command any more`;
  return { ...refused('not_allowed', 'order_closed', message), allowedCommands: [] };
}

export function notFound(orderId: string): RefusedCommand {
  return refused('not_found', 'order_not_found', `there is no order ${orderId}`);
}

export function stale({ version, status }: Order, expectedVersion: number): RefusedCommand {
  const message = `the order is at version ${version}, not ${expectedVersion}: look at it again`;
  return { ...refused('stale_version', 'stale_version', message), version, status };
}
