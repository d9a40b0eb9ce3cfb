import { type Static, Type } from 'typebox';
import type { Effect } from '../../order/effects.js';
import { orders } from '../../order/entity.js';
import { Minor } from './order.js';
import { closed } from './values.js';

export const effectMembers = {
  type: Type.String(),
  key: Type.String({ description: 'the idempotency key that the outside system gets' }),
  summary: Type.String(),
  amount: Type.Optional(Minor),
};

/** An effect that an order owes, with a summary such as `capture EUR 39.98`. */
export const ShownEffect = closed(effectMembers);
export type ShownEffect = Static<typeof ShownEffect>;

export function shownEffectOf(effect: Effect): ShownEffect {
  const { type, key } = effect;
  const summary = orders.summary(effect);
  return { type, key, summary, ...('amount' in effect && { amount: effect.amount }) };
}
