import type { Filter, Sort } from 'mongodb';
import { type Stopped, withStopped } from '../../log/entity-log/state-view.js';
import { committedInTime } from '../../mongodb/durability.js';
import type { Effect } from '../../order/effects.js';
import { formatMoney } from '../../order/money.js';
import { isFinished, type Order } from '../../order/order.js';
import { type AttentionTimes, pendingAuthorizations, unmatchedFacts } from '../../views/attention-times.js';
import { type OrderDocument, orders } from '../../views/orders.js';
import { pageFilter, type SourceRow } from '../cursor.js';
import type { SourceQuery } from '../source.js';
import type { AttentionCode, AttentionRow } from '../rows.js';

/** The rows with this code, of orders whose time in `field` is not later than `before`. */
export async function ordersWith(
  { db, after, limit }: SourceQuery,
  code: AttentionCode,
  field: 'owedSince' | 'pendingSince' | 'unmatchedSince',
  before: string,
  further: Filter<OrderDocument> = {},
): Promise<readonly SourceRow[]> {
  const found = await orders(db)
    .find(pageFilter(field, before, after, further), committedInTime)
    .sort({ [field]: 1, _id: 1 } satisfies Sort)
    .limit(limit)
    .project<OrderWithStop & { readonly _id: string }>({ state: 1, stopped: 1 })
    .toArray();
  return found.flatMap(({ _id: id, ...order }) =>
    rowsOf(order, before)
      .filter((row) => row.code === code)
      .map((row) => ({ id, row })),
  );
}

/** What the rows of an order are computed from. */
export interface OrderWithStop {
  readonly state: Order;
  readonly stopped?: Stopped;
}

/**
 * Filters for orders that have rows: each such order matches at least one. Owed effects and pending
 * payments count only if they are older than `overdueBefore`; everything else counts immediately.
 */
export function attentionFilters(overdueBefore: string): Filter<OrderDocument>[] {
  return [
    { owedSince: { $lte: overdueBefore } },
    { pendingSince: { $lte: overdueBefore } },
    { unmatchedSince: { $gt: '' } },
    withStopped,
  ];
}

/** Checks the conditions of `attentionFilters` on an order's document that was already read. */
export function needsAttention(
  { owedSince, pendingSince, unmatchedSince, stopped }: AttentionTimes & { readonly stopped?: Stopped },
  overdueBefore: string,
): boolean {
  const isLong = (since: string | undefined) => since !== undefined && since <= overdueBefore;
  return isLong(owedSince) || isLong(pendingSince) || unmatchedSince !== undefined || stopped !== undefined;
}

/** The rows of an order, at most one of each code. */
export function rowsOf(order: OrderWithStop, overdueBefore: string): readonly AttentionRow[] {
  const { stopped } = order;
  const { orderId } = order.state;
  return [
    ...(stopped === undefined
      ? effectRow(order.state, overdueBefore)
      : [{ orderId, ...stopped, code: codeOf(stopped) }]),
    ...paymentRow(order.state, overdueBefore),
    ...factRow(order.state),
  ];
}

function codeOf({ code }: Stopped): AttentionCode {
  return code === 'workflow_ended' || code === 'workflow_rewound' ? code : 'order_forked';
}

/**
 * The row of the effect that has been owed longest; its detail also names the other effects. A
 * stopped order gets no such row, because it cannot perform effects.
 */
function effectRow(
  { orderId, owed, currency, updatedAt }: Order,
  overdueBefore: string,
): readonly AttentionRow[] {
  const [oldest, ...others] = owed
    .map(({ since = updatedAt, ...effect }) => ({ effect, since }))
    .toSorted((one, other) => (one.since < other.since ? -1 : 1));
  if (oldest === undefined || oldest.since > overdueBefore) return [];
  const also = others.length === 0 ? '' : `; also ${others.map(({ effect }) => effect.type).join(', ')}`;
  return [
    {
      orderId,
      code: 'effect_owed',
      since: oldest.since,
      detail: `the order owes ${inWords(oldest.effect, currency)}${also}`,
      remedy: `it is retried automatically under the same key; GET /health/ready shows what is down, npx orders events ${orderId} what led to it`,
    },
  ];
}

function inWords(effect: Effect, currency: string): string {
  const amount = 'amount' in effect ? ` of ${formatMoney(effect.amount, currency)}` : '';
  return `${effect.type}${amount} (key ${effect.key})`;
}

function paymentRow(order: Order, overdueBefore: string): readonly AttentionRow[] {
  const [oldest] = pendingAuthorizations(order).toSorted((one, other) => (one.since < other.since ? -1 : 1));
  if (oldest === undefined || oldest.since > overdueBefore) return [];
  const { orderId, currency } = order;
  const { amount, authorizationId, since, until } = oldest;
  return [
    {
      orderId,
      code: 'payment_pending',
      since,
      detail: `the payment of ${formatMoney(amount, currency)} (${authorizationId}) is still pending at the provider; it times out at ${until}`,
      remedy: `ask the provider about the payment, or cancel: npx orders cancel ${orderId} --reason "not paid"`,
    },
  ];
}

function factRow(order: Order): readonly AttentionRow[] {
  const facts = unmatchedFacts(order).toSorted((one, other) => (one.receivedAt < other.receivedAt ? -1 : 1));
  const [oldest] = facts;
  if (oldest === undefined) return [];
  const { orderId } = order;
  return [
    {
      orderId,
      code: 'fact_unmatched',
      since: oldest.receivedAt,
      detail: `reported from outside, but does not fit the order: ${facts.map(({ type }) => type).join(', ')}`,
      remedy: isFinished(order)
        ? `the order is finished: clear it up with the sender; npx orders events ${orderId} shows the report`
        : `do the missing step, and it is applied automatically: npx orders get ${orderId} shows the allowed commands`,
    },
  ];
}
