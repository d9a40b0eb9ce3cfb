import { ApplicationFailure } from '@temporalio/workflow';
import { append, type Appended } from '../append.js';
import {
  type Draft,
  type Effect,
  type Entity,
  type FactJudgement,
  type Facts,
  refuse,
  type Refused,
  type State,
} from '../entity.js';
import { causeOf, type Message } from './messages.js';

/** What a command leads to; `appended` is undefined if it changes nothing. */
type Judged<S, D> = { readonly appended: Appended<S, D> | undefined };

/**
 * Runs `decide`, and folds the events; data of the wrong shape is refused. Such data may pass
 * `decide` and fail in `evolve`.
 */
export function judge<S extends State, D extends Draft, F extends Effect>(
  entity: Entity<S, D, F>,
  state: S,
  type: string,
  message: Message,
  now: string,
): Judged<S, D> | Refused {
  return safely(type, () => {
    const decision = entity.decide(state, type, message.data, now);
    if ('refusal' in decision) return decision;
    const { events: drafts } = decision;
    if (drafts.length === 0) return { appended: undefined };
    return { appended: append(entity, state.orderId, state, drafts, causeOf(message, now)) };
  });
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
 * The API checks the shape of data, but other senders may not. So an error becomes a refusal:
 * thrown in a handler, it would fail the workflow task on every try.
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
