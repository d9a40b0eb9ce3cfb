import { ApplicationFailure } from '@temporalio/workflow';
import type { Decision, Draft, Effect, Entity, FactJudgement, Facts, Refused, State } from '../entity.js';
import { refuse } from '../entity.js';
import type { Message } from './messages.js';

/** Runs `decide`; data of the wrong shape is refused. */
export function judge<S extends State, D extends Draft, F extends Effect>(
  { decide }: Entity<S, D, F>,
  state: S,
  type: string,
  { data }: Message,
  now: string,
): Decision<D> {
  return safely(type, () => decide(state, type, data, now));
}

/** Runs `facts.judge`; data of the wrong shape is refused. */
export function judgeFact<S, D>(
  facts: Facts<S, D>,
  state: S,
  type: string,
  { data }: Message,
  now: string,
): FactJudgement<D> | Refused {
  return safely(type, () => facts.judge(state, type, data, now));
}

/**
 * The API checks the shape of data, but other senders may not. So an error in `decide` is a
 * refusal.
 */
function safely<T>(type: string, decide: () => T): T | Refused {
  try {
    return decide();
  } catch (error) {
    const message = `${type} has data of the wrong shape: ${String(error)}`;
    return refuse('invalid', 'malformed', message);
  }
}

/**
 * The first decision of an entity.
 *
 * @throws ApplicationFailure if the command that creates the entity is refused. The workflow then
 *   fails. The API starts no such workflow.
 */
export function judgeNew<S extends State, D extends Draft, F extends Effect>(
  { decide, creation }: Entity<S, D, F>,
  { data }: Message,
  now: string,
): readonly D[] {
  const decision = decide(undefined, creation, data, now);
  if ('events' in decision) return decision.events;
  throw ApplicationFailure.nonRetryable(decision.refusal.message, decision.refusal.code);
}
