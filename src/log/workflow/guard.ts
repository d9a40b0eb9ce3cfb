import { ApplicationFailure } from '@temporalio/workflow';
import type { Command, Fact, FactType, FollowUpType } from '../../order/commands.js';
import { decide } from '../../order/decide.js';
import type { EventDraft } from '../../order/events.js';
import { type FactJudgement, judgeFact } from '../../order/facts.js';
import type { Order } from '../../order/order.js';
import { type Decision, type Refusal, refuse } from '../../order/refusal.js';
import { learnPayment } from '../../order/settle.js';
import { keyOf } from './command-id.js';
import type { CommandMessage, Message, RefusedUpdate, Remembered } from './messages.js';

export type Obstacle = RefusedUpdate['refusal'];

/** `decide`, safe against data of the wrong shape. */
export function judge(order: Order, type: FollowUpType, message: Message, now: string): Decision {
  try {
    // The shape was checked at the edge; where it was not, the fold is not touched.
    return decide(order, { type, data: message.data } as Command, now);
  } catch (error) {
    return refuse('invalid', 'malformed', `${type} has data of the wrong shape: ${String(error)}`);
  }
}

/** `judgeFact`, safe against data of the wrong shape. */
export function judgeMessage(
  order: Order,
  type: FactType,
  message: Message,
  now: string,
): FactJudgement | { readonly refusal: Refusal } {
  const fact = factIn(type, message);
  return fact === undefined ? malformed(type) : judgeFact(order, fact, now);
}

/** How a payment's settlement was judged before facts could wait: what does not fit is refused. */
export function judgePayment(order: Order, message: Message, now: string): Decision {
  const fact = factIn('PaymentSettled', message);
  return fact?.type === 'PaymentSettled' ? learnPayment(order, fact.data, now) : malformed('PaymentSettled');
}

function malformed(type: string): { readonly refusal: Refusal } {
  return refuse('invalid', 'malformed', `${type} has data of the wrong shape`);
}

const textsOf: Readonly<Record<FactType, readonly string[]>> = {
  PaymentSettled: ['reference', 'authorizationId'],
  ShipmentDispatched: ['shipmentId', 'carrier', 'trackingNumber'],
  ShipmentDelivered: ['shipmentId'],
};

function factIn(type: FactType, { data }: Message): Fact | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  if (!textsOf[type].every((key) => typeof Reflect.get(data, key) === 'string')) return undefined;
  if (type === 'PaymentSettled' && !['authorized', 'declined'].includes(Reflect.get(data, 'outcome')))
    return undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- where signals are parsed
  return { type, data } as Fact;
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

/** A key that was used for something else. */
export function keyConflict(message: Message, known: Remembered | undefined): Obstacle | undefined {
  if (known === undefined || isSameBody(known, message)) return undefined;
  return {
    kind: 'key_reused',
    code: 'key_reused',
    message: `the key ${keyOf(message.commandId)} was used with another body: use a new key`,
  };
}

export function isSameBody({ hash }: Remembered, message: Message): boolean {
  return hash === undefined || hash === message.hash;
}

/** A version that has passed. */
export function versionConflict(message: Message, version: number): Obstacle | undefined {
  if (message.expectedVersion === undefined || message.expectedVersion === version) return undefined;
  return {
    kind: 'stale_version',
    code: 'stale_version',
    message: `the order is at version ${version}, not ${message.expectedVersion}: read it again`,
  };
}
