import type { Effect } from '../../order/effects.js';
import type { OrderEvent } from '../../order/events.js';
import { evolve } from '../../order/evolve.js';
import type { Order } from '../../order/order.js';

/** An order's log, or its last part. */
export interface LogPart {
  /** ascending, without gaps */
  readonly events: readonly OrderEvent[];
  /** the order at some version before or within these events; absent if they start at version 1 */
  readonly base?: Order;
}

/** An effect that was performed, with the first event of its outcome. */
export interface SettledEffect {
  readonly effect: Effect;
  readonly event: OrderEvent;
}

/** What a log proves about an order's effects. */
export interface ProvedEffects {
  readonly settled: readonly SettledEffect[];
  /** keys of the effects that are still owed at the end of the log */
  readonly owed: ReadonlySet<string>;
}

/**
 * The effects of an order, from its log; undefined if the log neither starts at version 1 nor has a
 * base.
 */
export function effectsOf({ events, base }: LogPart): ProvedEffects | undefined {
  const known = new Map<string, Effect>(base?.owed.map((effect) => [effect.key, effect]));
  const settled = new Map<string, SettledEffect>();
  let order = base;
  for (const event of events) {
    if (event.version <= (base?.version ?? 0)) continue;
    if (order === undefined && event.type !== 'OrderCreated') return undefined;
    order = evolve(order, event);
    for (const effect of order.owed) known.set(effect.key, effect);
    const effect = known.get(event.causationId);
    if (effect !== undefined && !settled.has(effect.key)) settled.set(effect.key, { effect, event });
  }
  return { settled: [...settled.values()], owed: new Set(order?.owed.map(({ key }) => key)) };
}
