import { ApplicationFailure } from '@temporalio/workflow';
import type { Command, FollowUpType } from '../domain/commands.js';
import { decide } from '../domain/decide.js';
import type { PaymentFact } from '../domain/effects.js';
import type { EventDraft } from '../domain/events.js';
import type { Order } from '../domain/order.js';
import { type Decision, refuse } from '../domain/refusal.js';
import { learnPayment } from '../domain/settle.js';
import {
  type CommandMessage,
  type Message,
  paymentSignal,
  type RefusedUpdate,
  type Remembered,
} from './messages.js';

export type Obstacle = RefusedUpdate['refusal'];

/** Anybody with access to Temporal can send a signal: what it carries may be anything. */
export function isMessage(message: unknown): message is Message {
  return (
    typeof message === 'object' &&
    message !== null &&
    ['commandId', 'hash', 'correlationId', 'actor'].every(
      (key) => typeof Reflect.get(message, key) === 'string',
    ) &&
    typeof Reflect.get(message, 'data') === 'object'
  );
}

/** `decide`, safe against data of the wrong shape. */
export function judge(order: Order, type: FollowUpType, message: Message, now: string): Decision {
  try {
    // The shape was checked at the edge; where it was not, the fold is not touched.
    return decide(order, { type, data: message.data } as Command, now);
  } catch (error) {
    return refuse('invalid', 'malformed', `${type} has data of the wrong shape: ${String(error)}`);
  }
}

/** `learnPayment`, safe against data of the wrong shape. */
export function judgePayment(order: Order, { data }: Message, now: string): Decision {
  if (isPaymentFact(data)) return learnPayment(order, data, now);
  return refuse('invalid', 'malformed', `${paymentSignal} has data of the wrong shape`);
}

function isPaymentFact(data: unknown): data is PaymentFact {
  return (
    typeof data === 'object' &&
    data !== null &&
    ['reference', 'authorizationId'].every((key) => typeof Reflect.get(data, key) === 'string') &&
    ['authorized', 'declined'].includes(Reflect.get(data, 'outcome'))
  );
}

/**
 * The first decision of an order.
 *
 * @throws ApplicationFailure where the start argument is no order: the workflow fails, nothing was promised to anybody
 */
export function judgeNew({ data }: CommandMessage<'CreateOrder'>, now: string): readonly EventDraft[] {
  const decision = decide(undefined, { type: 'CreateOrder', data }, now);
  if ('events' in decision) return decision.events;
  const { code, message } = decision.refusal;
  throw ApplicationFailure.nonRetryable(message, code);
}

/** A key that was used for something else, or a version that has passed. */
export function conflict(
  message: Message,
  known: Remembered | undefined,
  version: number,
): Obstacle | undefined {
  if (known !== undefined && known.hash !== message.hash) {
    return {
      kind: 'key_reused',
      code: 'key_reused',
      message: `the key ${message.commandId} was used with another body: use a new key`,
    };
  }
  if (message.expectedVersion === undefined || message.expectedVersion === version) return undefined;
  return {
    kind: 'stale_version',
    code: 'stale_version',
    message: `the order is at version ${version}, not ${message.expectedVersion}: read it again`,
  };
}
