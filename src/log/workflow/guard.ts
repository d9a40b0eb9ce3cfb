import { ApplicationFailure } from '@temporalio/workflow';
import type { Decision, Draft, Effect, Entity, FactJudgement, Facts, Refused, State } from '../entity.js';
import { didNothing } from './answer.js';
import { keyOf } from './command-id.js';
import type { Message, RefusedUpdate, Remembered } from './messages.js';
import type { RememberedCommands } from './remembered-commands.js';

/** Why a message is not judged by the entity: its key, its version, or a lack of the journal. */
export type Obstacle = RefusedUpdate['refusal'];

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
 * The API checks the shape of data. If a message comes another way, an error in `decide` is a
 * refusal.
 */
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
 * @throws ApplicationFailure if the start argument is refused: the workflow fails. The API never
 *   promised this entity.
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

/** The refusal of a message whose key was used with another body; undefined if it was not. */
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

/** Whether an update gets the answer that the same command got before. */
export function isRepetition(known: Remembered | undefined, message: Message): boolean {
  return known !== undefined && isSameBody(known, message) && !didNothing(known);
}

/** The refusal of a message if only the journal can say whether its command is new. */
export function journalNeeded(
  { name }: { readonly name: string },
  message: Message,
  memory: RememberedCommands,
): Obstacle | undefined {
  if (!memory.needsJournal(message)) return undefined;
  return {
    kind: 'memory_from',
    code: 'memory_from',
    message: `the ${name} remembers its commands since version ${memory.memoryFrom}: the journal knows the earlier ones`,
  };
}

/**
 * The refusal of a message that expects another version; undefined if it expects this one or none.
 */
export function versionConflict(
  { name }: { readonly name: string },
  { expectedVersion }: Message,
  version: number,
): Obstacle | undefined {
  if (expectedVersion === undefined || expectedVersion === version) return undefined;
  const message = `the ${name} is at version ${version}, not ${expectedVersion}: read it again`;
  return { kind: 'stale_version', code: 'stale_version', message };
}
