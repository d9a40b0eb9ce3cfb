import type { Decision as DecisionOf, Refusal, Refused } from '../log/entity.js';
import type { EventDraft } from './events.js';

export type { Refusal } from '../log/entity.js';

/** What `decide` returns: events, or why the command is refused. */
export type Decision = DecisionOf<EventDraft>;

export function refuse(kind: Refusal['kind'], code: string, message: string, pointer?: string): Refused {
  return { refusal: { kind, code, message, ...(pointer === undefined ? {} : { pointer }) } };
}
