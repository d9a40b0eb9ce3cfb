import { type Answer, post, send } from '../api.js';

/** What a person sets of an endpoint. */
export interface Settings {
  readonly url: string;
  readonly events: readonly string[];
  readonly customers: readonly string[];
  readonly tags: readonly string[];
  readonly payload: 'thin' | 'event' | 'order';
  readonly description?: string;
  readonly perSecond?: number;
}

export interface Endpoint extends Settings {
  readonly endpointId: string;
  readonly version: number;
  readonly status: 'enabled' | 'disabled' | 'deleted';
  readonly disabledBecause?: string;
}

export type WithSecret = Endpoint & { readonly secret: string };

/** How far the deliveries to an endpoint have come. */
export interface Subscription {
  /** the endpoint's id */
  readonly name: string;
  readonly position: number;
  readonly lag: number;
  readonly waiting: number;
  readonly parked: number;
  readonly delivered: number;
  readonly failures: number;
  readonly failingSince?: string;
  readonly lastSuccessAt?: string;
  readonly restUntil?: string;
}

/** An attempt to deliver an event. */
export interface Attempt {
  readonly eventId: string;
  readonly type: string;
  readonly at: string;
  readonly ms: number;
  readonly isDelivered: boolean;
  readonly status?: number;
  readonly error?: string;
  readonly answer?: string;
}

export const root = '/v1/webhook-endpoints';
export const pathOf = (endpointId: string) => `${root}/${encodeURIComponent(endpointId)}`;

/** @throws Problem, as all functions below do */
export async function create(settings: object, key: string): Promise<WithSecret> {
  return (await post<WithSecret>(root, settings, { 'idempotency-key': key })).body;
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

export async function rotateSecret({ endpointId, version }: Endpoint): Promise<WithSecret> {
  const path = `${pathOf(endpointId)}/rotate-secret`;
  return bodyOf(await post<WithSecret>(path, {}, { 'if-match': `"${version}"` }));
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
