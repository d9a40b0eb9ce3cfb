import { randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** The headers of a webhook with this body, signed as Standard Webhooks requires. */
export function signed(secret: string, body: string, id: string = randomUUID(), at: Date = new Date()) {
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  };
}
