import { appendFitting } from '../append.js';
import type { Draft, Effect, Entity, Envelope, State } from '../entity.js';
import { judge } from './judging.js';
import type { Message } from './messages.js';

/**
 * The events that a command would lead to, and the events of waiting facts that would fit then.
 * None if the command is refused. Pure: the state stays as it is.
 *
 * @param at ISO-8601 UTC
 */
export function previewEvents<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  before: S,
  type: string,
  message: Message,
  at: string,
): readonly (D & Envelope)[] {
  const judged = judge(entity, before, type, message, at);
  if ('refusal' in judged || judged.appended === undefined) return [];
  const { state, events } = judged.appended;
  return [...events, ...[...appendFitting(entity, state, at)].flatMap(({ appended }) => appended.events)];
}
