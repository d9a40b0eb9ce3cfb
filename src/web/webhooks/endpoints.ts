import type { DeliveryAnswer, EndpointAnswer, EndpointWithSecret } from '../../api/schemas/endpoint.js';
import { type Answer, post, type Problem, send } from '../api.js';

export type Endpoint = EndpointAnswer;
/** An attempt to deliver an event. */
export type Attempt = DeliveryAnswer;
export type { Subscription } from '../../api/schemas/subscription.js';

/** The settings of an endpoint that a person can change. */
export type Settings = Pick<
  Endpoint,
  'url' | 'events' | 'customers' | 'tags' | 'payload' | 'description' | 'perSecond'
>;

export const root = '/v1/webhook-endpoints';
export const pathOf = (endpointId: string) => `${root}/${encodeURIComponent(endpointId)}`;

/** @throws Problem, as all functions below do that send a request */
export async function create(settings: object, key: string): Promise<EndpointWithSecret> {
  return (await post<EndpointWithSecret>(root, settings, { 'idempotency-key': key })).body;
}

/**
 * Changes an endpoint at the version that was shown. It is refused if the endpoint has changed
 * since.
 */
export async function change({ endpointId, version }: Endpoint, changes: object): Promise<Endpoint> {
  return bodyOf(await send<Endpoint>('PATCH', pathOf(endpointId), changes, { 'if-match': `"${version}"` }));
}

export async function remove({ endpointId, version }: Endpoint): Promise<Endpoint> {
  return bodyOf(await send<Endpoint>('DELETE', pathOf(endpointId), {}, { 'if-match': `"${version}"` }));
}

export async function rotateSecret({ endpointId, version }: Endpoint): Promise<EndpointWithSecret> {
  const path = `${pathOf(endpointId)}/rotate-secret`;
  return bodyOf(await post<EndpointWithSecret>(path, {}, { 'if-match': `"${version}"` }));
}

export async function sendTest({ endpointId }: Endpoint): Promise<Attempt> {
  return bodyOf(await post<Attempt>(`${pathOf(endpointId)}/test`));
}

export async function sendAgain({ endpointId }: Endpoint, eventId: string): Promise<void> {
  await post(`${pathOf(endpointId)}/deliveries/${encodeURIComponent(eventId)}/retry`);
}

/** @returns the position after which the feed is delivered again */
export async function replay({ endpointId }: Endpoint, place: object): Promise<number> {
  return bodyOf(await post<{ readonly after: number }>(`${pathOf(endpointId)}/replay`, place)).after;
}

function bodyOf<T>({ body }: Answer<T>): T {
  return body;
}

/** A problem of an action on an endpoint, in words. */
export function inWords({ status, message }: Problem): string {
  switch (status) {
    case 412:
      return 'The endpoint has changed since you looked: nothing was done. Look again.';
    case 0:
      return 'The API does not answer: it may have been done. Look again in a moment.';
    default:
      return message;
  }
}
