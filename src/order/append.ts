import { consequence } from './consequences.js';
import { type Cause, type EventDraft, type OrderEvent, schemaVersions } from './events.js';
import { evolve } from './evolve.js';
import type { Order } from './order.js';

export interface Appended {
  readonly order: Order;
  readonly events: readonly OrderEvent[];
}

/**
 * Gives decided events their place in the order's log, folds them in, and goes on with what follows from the state by
 * itself. The only way a version is ever assigned.
 */
export function append(
  orderId: string,
  order: Order | undefined,
  drafts: readonly EventDraft[],
  cause: Cause,
): Appended {
  const events: OrderEvent[] = [];
  let state = order;
  const add = (draft: EventDraft) => {
    const event: OrderEvent = {
      ...draft,
      ...cause,
      orderId,
      version: (state?.version ?? 0) + 1,
      schemaVersion: schemaVersions[draft.type],
    };
    events.push(event);
    state = evolve(state, event);
    return state;
  };
  let next = state;
  for (const draft of drafts) next = add(draft);
  if (next === undefined) throw new TypeError(`Nothing was decided for ${orderId}, which does not exist.`);
  for (let draft = consequence(next, cause.occurredAt); draft; draft = consequence(next, cause.occurredAt)) {
    next = add(draft);
  }
  return { order: next, events };
}
