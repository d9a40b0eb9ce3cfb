import { Type } from 'typebox';
import { deadlines } from '../../order/deadlines.js';
import type { Effect } from '../../order/effects.js';
import { orders } from '../../order/entity.js';
import type { Order } from '../../order/order.js';
import { Instant, Minor } from './order.js';
import { closed } from './values.js';

/** A time at which an order changes without a command. */
export interface UpcomingDeadline {
  readonly what: string;
  /** ISO-8601 UTC */
  readonly at: string;
}

export const UpcomingDeadline = closed({ what: Type.String(), at: Instant });

/** What an order owes the outside world, as it is shown. */
export interface ShownEffect {
  readonly type: string;
  /** the idempotency key that the outside system gets */
  readonly key: string;
  /** in a few words: `capture EUR 39.98` */
  readonly summary: string;
  readonly amount?: number;
}

/** The members of a `ShownEffect`. */
export const effectMembers = {
  type: Type.String(),
  key: Type.String({ description: 'the idempotency key that the outside system gets' }),
  summary: Type.String(),
  amount: Type.Optional(Minor),
};

/** The deadlines of an order, the earliest first. */
export function deadlinesOf(order: Order): UpcomingDeadline[] {
  return deadlines(order).map(({ name, at }) => ({ what: name, at }));
}

export function shownEffectOf(effect: Effect): ShownEffect {
  const { type, key } = effect;
  const summary = orders.summary(effect);
  return { type, key, summary, ...('amount' in effect && { amount: effect.amount }) };
}
