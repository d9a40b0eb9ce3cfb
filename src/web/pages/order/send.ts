import type { Preview } from '../../../api/commands/gateway/preview.js';
import { post } from '../../api.js';
import type { Choice } from './choices.js';

/** @throws Problem */
export async function preview(orderId: string, choice: Choice, body: object): Promise<Preview> {
  const { body: answer } = await post<Preview>(`${commandPath(orderId, choice)}?preview=true`, body);
  return answer;
}

/**
 * Sends a command for the version of its preview: it does what the preview said, or is refused
 * (412).
 *
 * @param key the same for each attempt, so that the command happens once
 * @throws Problem
 */
export async function send(
  orderId: string,
  choice: Choice,
  body: object,
  { version, key }: { readonly version: number; readonly key: string },
): Promise<void> {
  await post(commandPath(orderId, choice), body, { 'if-match': `"${version}"`, 'idempotency-key': key });
}

function commandPath(orderId: string, { path }: Choice): string {
  return `/v1/orders/${encodeURIComponent(orderId)}/${path}`;
}
