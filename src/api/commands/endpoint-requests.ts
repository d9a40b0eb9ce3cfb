/* What the routes of endpoints and of their deliveries have in common. */
import type { Db } from 'mongodb';
import type { WebhookSecrets } from '../../sealing/key-store/webhook-secrets.js';
import type { Sender } from '../../delivery/webhooks/sender.js';
import type { Sending } from '../../log/gateway/send-command.js';
import { HttpProblem, problemResponses } from '../problem.js';

export interface EndpointDeps {
  readonly db: Db;
  readonly endpoints: {
    readonly databases: Sending;
    readonly secrets: WebhookSecrets;
    /** sends the test messages to endpoints */
    readonly sender: Sender;
    /** http and private addresses are allowed (WEBHOOKS_ALLOW_PRIVATE) */
    readonly allowHttp: boolean;
  };
}

export const webhooksWrite = { access: 'webhooks:write' } as const;
export const endpointsPath = '/v1/webhook-endpoints';
export const endpointPath = `${endpointsPath}/:endpointId`;
export const endpointRefusals = problemResponses(400, 404, 409, 412, 413, 415, 422, 503);

/** Refuses a position that the feed has not reached. @throws HttpProblem 422 */
export function refuseAfterHead(after: number | undefined, head: number): void {
  if (after === undefined || after <= head) return;
  const detail = `The feed ends at position ${head}, before ${after}.`;
  throw new HttpProblem(422, 'position_unknown', detail, { head });
}
