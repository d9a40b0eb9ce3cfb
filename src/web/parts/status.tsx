import type { OrderView } from '../../order/view.js';
import { words } from '../format.js';
import type { Endpoint, Readiness } from '../shapes.js';

/** Whether a status is good news; it determines the colour. */
export type Tone = 'good' | 'bad' | 'warn' | 'busy' | 'plain';

type StatusOf<T extends { readonly status: unknown }> = T['status'];

/** Every status that the page shows. */
type AnyStatus =
  | OrderView['status' | 'paymentStatus' | 'fulfillmentStatus']
  | StatusOf<OrderView['shipments' | 'returns' | 'refunds'][number]>
  | StatusOf<Endpoint>
  | StatusOf<Readiness['dependencies'][number]>;

const tones: Readonly<Record<AnyStatus, Tone>> = {
  // of orders
  pending: 'busy',
  confirmed: 'good',
  completed: 'good',
  rejected: 'bad',
  cancelled: 'plain',
  expired: 'bad',
  // of payments and refunds
  none: 'plain',
  authorized: 'busy',
  partially_captured: 'busy',
  captured: 'good',
  partially_refunded: 'warn',
  refunded: 'warn',
  voided: 'plain',
  owed: 'plain',
  // of shipments and returns
  created: 'plain',
  dispatched: 'plain',
  partially_shipped: 'busy',
  shipped: 'busy',
  partially_delivered: 'busy',
  delivered: 'good',
  requested: 'plain',
  received: 'plain',
  // of webhook endpoints
  enabled: 'good',
  disabled: 'warn',
  deleted: 'plain',
  // of what the process depends on
  up: 'good',
  degraded: 'warn',
  down: 'bad',
  unknown: 'plain',
};

/** A status as a coloured word, which is clear without its colour. */
export function Status({ of }: { readonly of: AnyStatus }) {
  // An open page may be older than the API, and not know a status.
  return <span class={`status ${tones[of] ?? 'plain'}`}>{words(of)}</span>;
}
