import { LIMITS } from '../../../order/commands.js';
import type { Order } from '../../../order/order.js';
import { endedReason } from '../../../log/journal/stops.js';
import { statusInWords } from '../../../log/history/runs.js';
import type { RefusedUpdate } from '../../../log/workflow/messages.js';
import { orderLog } from '../../../order-log.js';

/** Why nothing was changed. */
export interface RefusedCommand {
  readonly kind: 'refused';
  readonly refusal: RefusedUpdate['refusal'];
  /** the version of the order, if it is known */
  readonly version?: number;
  readonly status?: string;
  readonly allowedCommands?: readonly string[];
  /** see `RefusedUpdate` */
  readonly memoryFrom?: number;
}

export function keyReused(key: string): RefusedCommand {
  const message = `${key} was the key of another command: use a new one for this`;
  return { kind: 'refused', refusal: { kind: 'key_reused', code: 'key_reused', message } };
}

export function journalUnavailable(): RefusedCommand {
  const message =
    'the journal must be asked whether this key was used before, and MongoDB does not answer: try again with the same key';
  return { kind: 'refused', refusal: { kind: 'busy', code: 'journal_unavailable', message } };
}

export function previewUnavailable(orderId: string): RefusedCommand {
  const message = `order ${orderId} cannot preview the command now: try again`;
  return { kind: 'refused', refusal: { kind: 'busy', code: 'preview_unavailable', message } };
}

export function keysUnavailable(): RefusedCommand {
  const message =
    'the persons in this command cannot be sealed, because the key store does not answer: try again with the same key';
  return { kind: 'refused', refusal: { kind: 'busy', code: 'keys_unavailable', message } };
}

export function tooManyFacts(orderId: string): RefusedCommand {
  const message = `${LIMITS.facts} facts wait to fit order ${orderId}: send it again later, and see \`npx orders attention\``;
  return { kind: 'refused', refusal: { kind: 'busy', code: 'facts_waiting', message } };
}

export function idReserved(orderId: string): RefusedCommand {
  const message = `${orderId} has the form of an id that derives from a client and its key (UUID version 8): choose another, or none`;
  return { kind: 'refused', refusal: { kind: 'invalid', code: 'id_reserved', message, pointer: '/id' } };
}

export function orderExists(orderId: string): RefusedCommand {
  const message = `order ${orderId} exists with other content: choose another id, or none`;
  return { kind: 'refused', refusal: { kind: 'not_allowed', code: 'order_exists', message } };
}

export function orderClosed(orderId: string): RefusedCommand {
  const message = `order ${orderId} is closed: it takes no command any more`;
  return {
    kind: 'refused',
    refusal: { kind: 'not_allowed', code: 'order_closed', message },
    allowedCommands: [],
  };
}

/** @param status Temporal's status of the order's last run; undefined if Temporal knows no run */
export function workflowEnded(orderId: string, status: string | undefined): RefusedCommand {
  const { code, detail, remedy } = endedReason(orderLog, orderId, status && statusInWords(status));
  return {
    kind: 'refused',
    refusal: { kind: 'halted', code, message: `${detail}: ${remedy}` },
    allowedCommands: [],
  };
}

export function notFound(orderId: string): RefusedCommand {
  const message = `there is no order ${orderId}`;
  return { kind: 'refused', refusal: { kind: 'not_found', code: 'order_not_found', message } };
}

export function stale({ version, status }: Order, expectedVersion: number): RefusedCommand {
  const message = `the order is at version ${version}, not ${expectedVersion}: look at it again`;
  return {
    kind: 'refused',
    refusal: { kind: 'stale_version', code: 'stale_version', message },
    version,
    status,
  };
}
