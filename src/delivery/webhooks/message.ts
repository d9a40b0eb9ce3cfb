import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { type CloudEvent, cloudEventsType } from '../cloud-events.js';
import type { DeliveryRow } from './rows.js';
import type { Sender, SendResult } from './sender.js';

/** Where a message is sent, and what signs it. */
export interface Receiver {
  readonly endpointId: string;
  readonly url: string;
  /** every secret signs, so that a receiver needs to know only one */
  readonly secrets: readonly string[];
}

/** The body of a webhook: an event, or a test message. */
export type WebhookMessage = Omit<CloudEvent, 'sequence' | 'generation'>;

/** Posts an event, signed by the Standard Webhooks scheme (standardwebhooks.com). */
export async function postSigned(
  sender: Sender,
  { url, secrets }: Receiver,
  event: WebhookMessage,
): Promise<SendResult> {
  const body = JSON.stringify(event);
  const now = new Date();
  return await sender.post(url, body, {
    'content-type': cloudEventsType,
    'user-agent': 'orders-webhooks/1',
    'webhook-id': event.id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(event.id, now, body)).join(' '),
  });
}

export function isAcknowledged({ status = 0 }: SendResult): boolean {
  return status >= 200 && status < 300;
}

/** Separates our own words from the receiver's answer, in a text of `failureOf`. */
const BEFORE_ANSWER = ': ';

/**
 * What went wrong. The receiver's answer comes last, so that `failureWithoutAnswer` can cut it off.
 */
export function failureOf({ status, error, answer = '' }: SendResult): string {
  if (status === undefined) return error ?? 'no answer';
  const moved = status >= 300 && status < 400 ? ', and redirects are not followed' : '';
  return `HTTP ${status}${moved}${answer === '' ? '' : `${BEFORE_ANSWER}${answer.slice(0, 200)}`}`;
}

/** An expression of MongoDB: the field `failure` without what the receiver answered. */
export const failureWithoutAnswer = { $arrayElemAt: [{ $split: ['$failure', BEFORE_ANSWER] }, 0] };

/** The row of an attempt that has just ended. */
export function deliveryRow(
  { endpointId }: Pick<Receiver, 'endpointId'>,
  event: { readonly id: string; readonly type: string; readonly position?: number },
  sent: SendResult,
): DeliveryRow {
  const { ms, status, error, answer } = sent;
  return {
    _id: randomUUID(),
    endpointId,
    eventId: event.id,
    type: event.type,
    ...(event.position !== undefined && { position: event.position }),
    at: new Date(),
    ms,
    isDelivered: isAcknowledged(sent),
    ...(status !== undefined && { status }),
    ...(error !== undefined && { error }),
    ...(answer !== undefined && { answer }),
  };
}
