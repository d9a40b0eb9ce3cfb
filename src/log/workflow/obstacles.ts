import { didNothing, type Remembered } from './answer.js';
import { keyOf } from './command-id.js';
import type { Message, RefusedUpdate } from './messages.js';
import type { RememberedCommands } from './remembered-commands.js';

/**
 * Why a message does not lead to a decision: the entity is halted or busy, the key was used with
 * another body, another version was expected, or only the journal knows whether the command is new.
 */
export type Obstacle = RefusedUpdate['refusal'];

/** The refusal of a message whose key was used with another body; undefined if it was not. */
export function keyConflict(
  message: Message,
  known: Pick<Remembered, 'hash'> | undefined,
): Obstacle | undefined {
  return known === undefined || isSameBody(known, message) ? undefined : keyReused(keyOf(message.commandId));
}

/** The refusal of a key that another command has used. */
export function keyReused(key: string): Obstacle {
  const message = `the key ${key} was used with another body: use a new key`;
  return { kind: 'key_reused', code: 'key_reused', message };
}

export function isSameBody({ hash }: Pick<Remembered, 'hash'>, message: Message): boolean {
  return hash === undefined || hash === message.hash;
}

/** Whether an update gets the answer that the same command got before. */
export function isRepetition(known: Remembered | undefined, message: Message): boolean {
  return known !== undefined && isSameBody(known, message) && !didNothing(known);
}

/**
 * The refusal of a message if only the journal can say whether its command is new; undefined if the
 * memory is enough.
 */
export function beyondMemory(
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

/** The refusal of a message that expects another version; undefined if it does not. */
export function versionConflict(
  { name }: { readonly name: string },
  { expectedVersion }: Message,
  version: number,
): Obstacle | undefined {
  if (expectedVersion === undefined || expectedVersion === version) return undefined;
  const message = `the ${name} is at version ${version}, not ${expectedVersion}: read it again`;
  return { kind: 'stale_version', code: 'stale_version', message };
}
