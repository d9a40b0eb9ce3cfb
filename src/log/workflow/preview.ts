import { append } from '../append.js';
import type { Draft, Effect, Entity, Envelope, State } from '../entity.js';
import { judge } from './guard.js';
import { causeOf, type Message } from './messages.js';

/**
 * The events that a command would lead to, with those of the waiting facts that would fit after it;
 * none if it is refused. Pure: the state stays as it is.
 *
 * @param at ISO-8601 UTC
 */
export function eventsOf<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  before: S,
  type: string,
  message: Message,
  at: string,
): readonly (D & Envelope)[] {
  const decision = judge(entity, before, type, message, at);
  if ('refusal' in decision || decision.events.length === 0) return [];
  const { orderId } = before;
  let { state, events } = append(entity, orderId, before, decision.events, causeOf(message, at));
  for (;;) {
    const next = entity.facts?.fitting(state, at);
    if (next === undefined) return events;
    const applied = append(entity, orderId, state, next.events, next.cause);
    state = applied.state;
    events = [...events, ...applied.events];
  }
}
