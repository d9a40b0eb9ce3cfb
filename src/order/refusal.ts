import type { Decision as DecisionOf } from '../log/entity.js';
import type { EventDraft } from './events.js';

export { refuse } from '../log/entity.js';
export type { Refusal, Refused } from '../log/entity.js';

/** What `decide` returns: events, or why the command is refused. */
export type Decision = DecisionOf<EventDraft>;
