import { post } from '../api.js';
import type { OrderView } from '../../order/view.js';
import type { RecordedEvent } from '../shapes.js';
import type { Choice } from './choices.js';

/** What a command would do; nothing has changed. */
export interface Preview {
  /** the version of the order before it: the command is sent for this version */
  readonly version: number;
  readonly events: readonly RecordedEvent[];
  readonly effects: readonly { readonly key: string; readonly summary: string }[];
  readonly money: { readonly before: MoneyThen; readonly after: MoneyThen };
  readonly deadlines: readonly { readonly what: string; readonly at: string }[];
  readonly order: OrderView;
}

interface MoneyThen {
  readonly authorized: number;
  readonly captured: number;
  readonly refunded: number;
}

/** @throws Problem */
export async function preview(orderId: string, choice: Choice, body: object): Promise<Preview> {
  const { body: answer } = await post<Preview>(`${pathOf(orderId, choice)}?preview=true`, body);
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
  await post(pathOf(orderId, choice), body, { 'if-match': `"${version}"`, 'idempotency-key': key });
}

function pathOf(orderId: string, { path }: Choice): string {
  return `/v1/orders/${encodeURIComponent(orderId)}/${path}`;
}
