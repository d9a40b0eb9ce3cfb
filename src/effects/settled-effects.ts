import type { Effect } from '../order/effects.js';
import type { OrderEvent } from '../order/events.js';
import { evolve } from '../order/evolve.js';
import type { Order } from '../order/order.js';

/** An order's log, or its end. */
export interface Log {
  /** ascending, without gaps */
  readonly events: readonly OrderEvent[];
  /** the order as it was before, or amid, these events, where earlier ones are not among them */
  readonly base?: Order;
}

/** An effect that was done, and the first event that its outcome became. */
export interface SettledEffect {
  readonly effect: Effect;
  readonly event: OrderEvent;
}

/** What a log says of the effects of its order. */
export interface Effects {
  readonly settled: readonly SettledEffect[];
  /** keys of those that are owed at its end */
  readonly owed: ReadonlySet<string>;
}

/** The effects of an order by its log; undefined where neither its beginning nor a base is there to fold from. */
export function effectsOf({ events, base }: Log): Effects | undefined {
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
