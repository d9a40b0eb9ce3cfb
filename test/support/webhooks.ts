import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Reply, TestApi } from './api.js';

export interface Delivery {
  readonly id?: string;
  readonly at?: Date;
  readonly secret?: string;
}

/** Sends a signed message to a webhook of the API. */
export function deliver(
  api: TestApi,
  to: 'payments' | 'carriers',
  message: unknown,
  delivery: Delivery = {},
): Promise<Reply> {
  const { paymentsWebhook, carriersWebhook } = api.config.secrets;
  const ours = to === 'payments' ? paymentsWebhook : carriersWebhook;
  const { id = randomUUID(), at = new Date(), secret = ours[0] } = delivery;
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  return api.send('POST', `/v1/webhooks/${to}`, body, {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  });
}
