import type { Filter } from 'mongodb';
import type { Effect } from '../order/effects.js';
import { formatMoney } from '../order/money.js';
import { isFinished, type Order } from '../order/order.js';
import { type Concerns, pendingAuthorizations, type Stopped, unmatchedFacts } from '../views/concerns.js';
import type { OrderDocument } from '../views/orders.js';

/** What a row is about, the gravest first: the order in which they are listed. */
export const attentionCodes = [
  'order_forked',
  'workflow_ended',
  'workflow_rewound',
  'effect_owed',
  'payment_pending',
  'fact_unmatched',
  'order_undecided',
  'event_parked',
  'stock_to_be_counted',
] as const;
export type AttentionCode = (typeof attentionCodes)[number];

/** One thing that a person has to look after. */
export interface AttentionRow {
  /** absent where it is about no order in particular */
  readonly orderId?: string;
  readonly code: AttentionCode;
  /** ISO-8601 UTC */
  readonly since: string;
  /** what it is, for a person */
  readonly detail: string;
  /** what to do about it, as a command to type where there is one */
  readonly remedy: string;
  /** how often an effect was tried; absent while Temporal cannot be asked */
  readonly attempts?: number;
  /** ISO-8601 UTC; absent where it is under way, or Temporal cannot be asked */
  readonly nextTryAt?: string;
}

/** What an order's rows are made of. */
export interface Concerned {
  readonly state: Order;
  readonly stopped?: Stopped;
}

/** Whether an order has rows: what it owes, or waits for, counts from `owedBy` on, the rest at once. */
export function needsAttention(owedBy: string): Filter<OrderDocument>[] {
  return [
    { owedSince: { $lte: owedBy } },
    { pendingSince: { $lte: owedBy } },
    { unmatchedSince: { $gt: '' } },
    { 'stopped.since': { $gt: '' } },
  ];
}

/** As `needsAttention`, of a view that is in memory. */
export function isConcerned(
  { owedSince, pendingSince, unmatchedSince, stopped }: Concerns & { readonly stopped?: Stopped },
  owedBy: string,
): boolean {
  const isLong = (since: string | undefined) => since !== undefined && since <= owedBy;
  return isLong(owedSince) || isLong(pendingSince) || unmatchedSince !== undefined || stopped !== undefined;
}

/** The rows of an order, one of each code at most. */
export function rowsOf(order: Concerned, owedBy: string): readonly AttentionRow[] {
  const { stopped } = order;
  const { orderId } = order.state;
  return [
    ...(stopped === undefined ? effectRow(order.state, owedBy) : [{ orderId, ...stopped }]),
    ...paymentRow(order.state, owedBy),
    ...factRow(order.state),
  ];
}

/** About the effect that is owed for longest; the others are named. An order that is stopped owes nothing that could be done. */
function effectRow({ orderId, owed, currency, updatedAt }: Order, owedBy: string): readonly AttentionRow[] {
  const [oldest, ...others] = owed
    .map(({ since = updatedAt, ...effect }) => ({ effect, since }))
    .toSorted((one, other) => (one.since < other.since ? -1 : 1));
  if (oldest === undefined || oldest.since > owedBy) return [];
  const also = others.length === 0 ? '' : `; also ${others.map(({ effect }) => effect.type).join(', ')}`;
  return [
    {
      orderId,
      code: 'effect_owed',
      since: oldest.since,
      detail: `the order owes ${inWords(oldest.effect, currency)}${also}`,
      remedy: `it is tried again by itself, under the same key: see GET /health/ready for what is away; npx orders events ${orderId} shows what led to it`,
    },
  ];
}

function inWords(effect: Effect, currency: string): string {
  const amount = 'amount' in effect ? ` of ${formatMoney(effect.amount, currency)}` : '';
  return `${effect.type}${amount} (key ${effect.key})`;
}

function paymentRow(order: Order, owedBy: string): readonly AttentionRow[] {
  const [oldest] = pendingAuthorizations(order).toSorted((one, other) => (one.since < other.since ? -1 : 1));
  if (oldest === undefined || oldest.since > owedBy) return [];
  const { orderId, currency } = order;
  const { amount, authorizationId, since, until } = oldest;
  return [
    {
      orderId,
      code: 'payment_pending',
      since,
      detail: `the provider has not settled the payment of ${formatMoney(amount, currency)} (${authorizationId}); it times out at ${until}`,
      remedy: `ask the provider for the payment; or give it up: npx orders cancel ${orderId} --reason "not paid"`,
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
      detail: `told from outside, and it never fitted: ${facts.map(({ type }) => type).join(', ')}`,
      remedy: isFinished(order)
        ? `the order has ended: settle it with the sender; npx orders events ${orderId} shows what was told`
        : `do what is missing before it, then it is applied by itself: npx orders get ${orderId} shows what is allowed`,
    },
  ];
}
