import { post, type Problem, send } from '../../api.js';
import type { Attempt, Endpoint, EndpointWithSecret } from '../../shapes.js';

/** The settings of an endpoint that a user can change. */
export type Settings = Pick<
  Endpoint,
  'url' | 'events' | 'customers' | 'tags' | 'payload' | 'description' | 'perSecond'
>;

export const endpointsPath = '/v1/webhook-endpoints';
export const endpointPath = (endpointId: string) => `${endpointsPath}/${encodeURIComponent(endpointId)}`;

/** @throws Problem. So do all functions below that send a request. */
export async function create(settings: object, key: string): Promise<EndpointWithSecret> {
  return (await post<EndpointWithSecret>(endpointsPath, settings, { 'idempotency-key': key })).body;
}

/**
 * Changes an endpoint at the version that was shown. The change is refused (412) if the endpoint
 * has changed since.
 */
export async function change({ endpointId, version }: Endpoint, changes: object): Promise<Endpoint> {
  return (await send<Endpoint>('PATCH', endpointPath(endpointId), changes, { 'if-match': `"${version}"` }))
    .body;
}

export async function remove({ endpointId, version }: Endpoint): Promise<Endpoint> {
  return (await send<Endpoint>('DELETE', endpointPath(endpointId), {}, { 'if-match': `"${version}"` })).body;
}

export async function rotateSecret({ endpointId, version }: Endpoint): Promise<EndpointWithSecret> {
  const path = `${endpointPath(endpointId)}/rotate-secret`;
  return (await post<EndpointWithSecret>(path, {}, { 'if-match': `"${version}"` })).body;
}

export async function sendTest({ endpointId }: Endpoint): Promise<Attempt> {
  return (await post<Attempt>(`${endpointPath(endpointId)}/test`)).body;
}

export async function sendAgain({ endpointId }: Endpoint, eventId: string): Promise<void> {
  await post(`${endpointPath(endpointId)}/deliveries/${encodeURIComponent(eventId)}/retry`);
}

/**
 * @param start a position, `after`, or a time, `from`
 * @returns the position after which the feed is delivered again
 */
export async function replay({ endpointId }: Endpoint, start: object): Promise<number> {
  return (await post<{ readonly after: number }>(`${endpointPath(endpointId)}/replay`, start)).body.after;
}

/** A problem of an action on an endpoint, in words. */
export function inWords({ status, message }: Problem): string {
  switch (status) {
    case 412:
      return 'The endpoint has changed since you looked: nothing was done. Look again.';
    case 0:
      return 'The API does not answer, and may have done what you asked for. Look again in a moment.';
    default:
      return message;
  }
}
