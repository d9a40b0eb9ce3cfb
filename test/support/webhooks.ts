import type { Reply, TestApi } from './api.js';
import { signed } from './signed.js';

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
  const { id, at, secret = ours[0] } = delivery;
  const body = typeof message === 'string' ? message : JSON.stringify(message);
  return api.send('POST', `/v1/webhooks/${to}`, body, signed(secret, body, id, at));
}
