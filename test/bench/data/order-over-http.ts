import { randomUUID } from 'node:crypto';
import type { HttpConnection } from '../harness/http-connection.js';
import { delivery, orderBody } from './story.js';

interface Answer {
  readonly orderId: string;
  readonly version: number;
  readonly status: string;
  /** the state of the order at the end of the wait */
  readonly reached?: { readonly status: string };
}

const WAIT = { prefer: 'wait=30' };
let created = 0;

function withKey(more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return { 'idempotency-key': randomUUID(), ...more };
}

/** Creates an order, and returns once it is accepted. */
export async function accept(api: HttpConnection): Promise<string> {
  const { orderId } = await api.post<Answer>('/v1/orders', orderBody((created += 1)), withKey(), 201);
  return orderId;
}

/** Creates an order, and returns once the view shows that it is confirmed. */
export async function confirm(api: HttpConnection): Promise<string> {
  const body = orderBody((created += 1));
  const { orderId, reached } = await api.post<Answer>('/v1/orders', body, withKey(WAIT), 201);
  if (reached?.status !== 'confirmed') throw new Error(`Order ${orderId} is ${reached?.status}.`);
  return orderId;
}

/** Waits until the view shows that an order is confirmed. */
export async function untilConfirmed(api: HttpConnection, orderId: string): Promise<void> {
  for (let version = 1; ;) {
    const { status, body } = await api.get(`/v1/orders/${orderId}?minVersion=${version + 1}`);
    // On a busy machine, the server may give up waiting.
    if (status === 503) continue;
    if (status !== 200) throw new Error(`Order ${orderId}: ${status} ${body.toString()}`);
    const view = JSON.parse(body.toString()) as Answer;
    if (view.status === 'confirmed') return;
    version = view.version;
  }
}

/** Takes an order from create to completed. @param untilAtRest is awaited after each command */
export async function complete(
  api: HttpConnection,
  untilAtRest: (orderId: string) => Promise<void> = async () => undefined,
): Promise<string> {
  const orderId = await confirm(api);
  await untilAtRest(orderId);
  const path = `/v1/orders/${orderId}/shipments`;
  const { shipmentId } = await api.post<{ shipmentId: string }>(path, {}, withKey(), 200);
  await untilAtRest(orderId);
  await api.post(`${path}/${shipmentId}/dispatch`, delivery, withKey(), 200);
  await untilAtRest(orderId);
  const { reached } = await api.post<Answer>(`${path}/${shipmentId}/deliver`, {}, withKey(WAIT), 200);
  if (reached?.status !== 'completed') throw new Error(`Order ${orderId} is ${reached?.status}.`);
  await untilAtRest(orderId);
  return orderId;
}
