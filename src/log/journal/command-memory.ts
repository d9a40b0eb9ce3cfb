import type { Db } from 'mongodb';
import type { Draft, Effect, Entity, Envelope, State } from '../entity.js';
import { answerOf } from '../workflow/answer.js';
import { isSameCommand, keyOf } from '../workflow/command-id.js';
import type { Remembered } from '../workflow/messages.js';
import { committed } from './durability.js';
import { journal, truncationPoints, readStored } from './journal.js';

/**
 * The journal lacks recorded events of an entity, so it cannot tell which commands the entity has
 * had.
 */
export class JournalIncomplete extends Error {
  override readonly name = 'JournalIncomplete';
}

/**
 * The answer to a command, reconstructed from the events that it caused.
 *
 * @param log of the entity, ascending, from version 1 to at least the last event of the command
 * @returns undefined if the command caused no event
 */
export function commandIn<S extends State, D extends Draft, F extends Effect>(
  { evolve, told }: Entity<S, D, F>,
  log: readonly (D & Envelope)[],
  commandId: string,
): Remembered | undefined {
  const caused = log.filter((event) => isCausedBy(event, commandId));
  const hash = caused.map(hashIn).find((found) => found !== undefined);
  // Leaves out the refusal of another command that reused the key.
  const events = caused.filter((event) => [hash, undefined].includes(hashIn(event)));
  const last = events.at(-1);
  if (last === undefined) return undefined;
  let state: S | undefined;
  for (const event of log) if (event.version <= last.version) state = evolve(state, event);
  if (state === undefined) return undefined;
  return {
    commandId: last.commandId,
    ...(hash !== undefined && { hash }),
    answer: { ...answerOf(state, events, told), requestId: '' },
  };
}

/**
 * The hash of the message that caused the event. Undefined for the events of a fact that settled an
 * effect: their cause is the effect's key.
 */
function hashIn({ commandId, causationId }: Envelope): string | undefined {
  const prefix = `${commandId}.`;
  return causationId.startsWith(prefix) ? causationId.slice(prefix.length) : undefined;
}

/** Outcomes and deadlines have the same id as command and cause; no message caused them. */
function isCausedBy(event: Envelope, commandId: string): boolean {
  return isSameCommand(event.commandId, commandId) && event.causationId !== event.commandId;
}

/**
 * Looks for commands among the events of an entity up to version `upTo`.
 *
 * @returns the commands that are found, with their answers
 * @throws JournalIncomplete if the journal lacks one of these events
 */
export async function recallCommands<S extends State, D extends Draft, F extends Effect>(
  db: Db,
  entity: Entity<S, D, F>,
  orderId: string,
  commandIds: readonly string[],
  upTo: number,
): Promise<readonly Remembered[]> {
  const { name } = entity;
  const begins = (await truncationPoints(db, [orderId], { entity: name })).get(orderId) ?? 1;
  const version = { $gte: begins, $lte: upTo };
  const lacks = upTo - begins + 1 - (await journal(db, name).countDocuments({ orderId, version }, committed));
  if (lacks > 0)
    throw new JournalIncomplete(`the journal lacks ${lacks} events of ${name} ${orderId} up to ${upTo}`);
  const ids = commandIds.flatMap((commandId) => [commandId, keyOf(commandId)]);
  const last = await journal(db, name).findOne(
    { orderId, version, commandId: { $in: ids } },
    { ...committed, projection: { version: 1 }, sort: { version: -1 } },
  );
  if (last === null) return [];
  if (begins > 1)
    throw new JournalIncomplete(
      `the journal of ${name} ${orderId} begins at version ${begins}: earlier events are lost`,
    );
  const stored = await readStored(db, orderId, { limit: last.version, entity: name });
  const log = stored.map((event) => entity.upcast(event));
  return commandIds.flatMap((commandId) => commandIn(entity, log, commandId) ?? []);
}
