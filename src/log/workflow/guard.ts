import { ApplicationFailure } from '@temporalio/workflow';
import type { Decision, Draft, Effect, Entity, FactJudgement, Facts, Refused, State } from '../entity.js';
import { keyOf } from './command-id.js';
import type { Message, RefusedUpdate, Remembered } from './messages.js';

export type Obstacle = RefusedUpdate['refusal'];

/** `decide`, safe against data of the wrong shape. */
export function judge<S extends State, D extends Draft, F extends Effect>(
  { decide }: Entity<S, D, F>,
  state: S,
  type: string,
  { data }: Message,
  now: string,
): Decision<D> {
  return safely(type, () => decide(state, type, data, now));
}

/** `facts.judge`, safe against data of the wrong shape. */
export function judgeFact<S, D>(
  facts: Facts<S, D>,
  state: S,
  type: string,
  { data }: Message,
  now: string,
): FactJudgement<D> | Refused {
  return safely(type, () => facts.judge(state, type, data, now));
}

/** The shape was checked at the edge. If it was not, the error is a refusal, and the state is not touched. */
function safely<T>(type: string, decide: () => T): T | Refused {
  try {
    return decide();
  } catch (error) {
    const message = `${type} has data of the wrong shape: ${String(error)}`;
    return { refusal: { kind: 'invalid', code: 'malformed', message } };
  }
}

/**
 * The first decision of an entity.
 *
 * @throws ApplicationFailure if the start argument creates nothing: the workflow fails, nothing was promised to anybody
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

/** A key that was used for something else. */
export function keyConflict(message: Message, known: Remembered | undefined): Obstacle | undefined {
  if (known === undefined || isSameBody(known, message)) return undefined;
  return {
    kind: 'key_reused',
    code: 'key_reused',
    message: `the key ${keyOf(message.commandId)} was used with another body: use a new key`,
  };
}

export function isSameBody({ hash }: Remembered, message: Message): boolean {
  return hash === undefined || hash === message.hash;
}

/** A version that has passed. */
export function versionConflict(
  { name }: { readonly name: string },
  { expectedVersion }: Message,
  version: number,
): Obstacle | undefined {
  if (expectedVersion === undefined || expectedVersion === version) return undefined;
  const message = `the ${name} is at version ${version}, not ${expectedVersion}: read it again`;
  return { kind: 'stale_version', code: 'stale_version', message };
}
