import type { Db } from 'mongodb';
import type { Draft, Envelope, State } from '../entity.js';
import { answerOf, type Remembered } from '../workflow/answer.js';
import { isSameCommand, keyOf } from '../workflow/command-id.js';
import { hashIn } from '../workflow/messages.js';
import { committed } from '../../mongodb/durability.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import { stateViews } from '../entity-log/state-view.js';
import { journal, LogIncomplete } from './journal.js';
import { readJournal } from './read-journal.js';
import { truncationPoints } from './truncated-log.js';
import { stateAt } from './time-travel.js';

/** The status in an answer if neither the log nor a view has it. */
const unknownStatus = 'unknown';

/**
 * The answer to a command, reconstructed from the events that it caused.
 *
 * @param recorded the events of the entity, ascending, at least up to the command's last event
 * @param status the entity's current status. The answer has this status if earlier events are lost,
 *   because the status after the command cannot be computed then.
 * @returns undefined if the command caused no event
 */
export function findCommand<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  recorded: readonly (D & Envelope)[],
  commandId: string,
  status: string,
): Remembered | undefined {
  const caused = recorded.filter((event) => isCausedBy(event, commandId));
  const hash = caused.map(hashIn).find((found) => found !== undefined);
  // Leaves out the refusal of another command that reused the key.
  const events = caused.filter((event) => [hash, undefined].includes(hashIn(event)));
  const last = events.at(-1);
  if (last === undefined) return undefined;
  const { orderId, version } = last;
  const state = stateAt(log, recorded, { version });
  const after = state?.version === version ? state : { orderId, version, status };
  return {
    commandId: last.commandId,
    ...(hash !== undefined && { hash }),
    answer: { ...answerOf(after, events, log.entity.answerFields), requestId: '' },
  };
}

/** False for events of outcomes and deadlines: their `commandId` is their `causationId`. */
function isCausedBy(event: Envelope, commandId: string): boolean {
  return isSameCommand(event.commandId, commandId) && event.causationId !== event.commandId;
}

/**
 * Looks for commands among the events of an entity up to version `upTo`. A command whose events are
 * lost everywhere is not found.
 *
 * @returns the commands that are found, with their answers
 * @throws LogIncomplete if the journal lacks one of these events and may get it back
 */
export async function recallCommands<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  orderId: string,
  commandIds: readonly string[],
  upTo: number,
): Promise<readonly Remembered[]> {
  const { name } = log.entity;
  const first = (await truncationPoints(log, db, [orderId])).get(orderId) ?? 1;
  const version = { $gte: first, $lte: upTo };
  const lacks = upTo - first + 1 - (await journal(log, db).countDocuments({ orderId, version }, committed));
  if (lacks > 0)
    throw new LogIncomplete(`the journal lacks ${lacks} events of ${name} ${orderId} up to ${upTo}`);
  const ids = commandIds.flatMap((commandId) => [commandId, keyOf(commandId)]);
  const last = await journal(log, db).findOne(
    { orderId, version: { $lte: upTo }, commandId: { $in: ids } },
    { ...committed, projection: { version: 1 }, sort: { version: -1 } },
  );
  if (last === null) return [];
  const recorded = await readJournal(log, db, orderId, { limit: last.version });
  const status = (await stateViews(log, db).findOne({ _id: orderId }, committed))?.status ?? unknownStatus;
  return commandIds.flatMap((commandId) => findCommand(log, recorded, commandId, status) ?? []);
}
