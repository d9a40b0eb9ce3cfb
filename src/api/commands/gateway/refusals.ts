import { LIMITS } from '../../../order/commands.js';
import type { Order } from '../../../order/order.js';
import type { AnyLog } from '../../../log/journal/entity-log.js';
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
  return refused('key_reused', 'key_reused', `${key} was the key of another command: use a new one for this`);
}

export function journalUnavailable(): RefusedCommand {
  const message =
    'the journal must be asked whether this key was used before, and MongoDB does not answer: try again with the same key';
  return refused('busy', 'journal_unavailable', message);
}

export function previewUnavailable(orderId: string): RefusedCommand {
  return refused('busy', 'preview_unavailable', `order ${orderId} cannot preview the command now: try again`);
}

export function keysUnavailable(): RefusedCommand {
  const message =
    'the personal data in this command cannot be sealed, because the key store does not answer: try again with the same key';
  return refused('busy', 'keys_unavailable', message);
}

export function tooManyFacts(orderId: string): RefusedCommand {
  const message = `${LIMITS.facts} facts wait to fit order ${orderId}: send it again later, and see \`npx orders attention\``;
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

/** @param status Temporal's status of the last run; undefined if Temporal knows no run */
export function workflowEnded(
  id: string,
  status: string | undefined,
  log: AnyLog = orderLog,
): RefusedCommand {
  const { code, detail, remedy } = endedReason(log, id, status && statusInWords(status));
  return { ...refused('halted', code, `${detail}: ${remedy}`), allowedCommands: [] };
}

export function notFound(orderId: string): RefusedCommand {
  return refused('not_found', 'order_not_found', `there is no order ${orderId}`);
}

export function stale({ version, status }: Order, expectedVersion: number): RefusedCommand {
  const message = `the order is at version ${version}, not ${expectedVersion}: look at it again`;
  return { ...refused('stale_version', 'stale_version', message), version, status };
}

function refused(kind: RefusedUpdate['refusal']['kind'], code: string, message: string): RefusedCommand {
  return { kind: 'refused', refusal: { kind, code, message } };
}
