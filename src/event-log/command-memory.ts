import type { Db } from 'mongodb';
import type { OrderEvent } from '../domain/events.js';
import { fold } from '../domain/evolve.js';
import { answerOf } from '../workflows/answer.js';
import { isSameCommand, keyOf } from '../workflows/command-id.js';
import type { Remembered } from '../workflows/messages.js';
import { committed } from './durability.js';
import { journal, readJournal } from './journal.js';

/** The journal lacks events that its order counts as recorded, so it cannot tell which commands the order has had. */
export class JournalIncomplete extends Error {
  override readonly name = 'JournalIncomplete';
}

/**
 * What a command came to, by the events it led to.
 *
 * @param log of the order, ascending, from version 1 to beyond the command's events
 * @returns undefined if no event is the command's
 */
export function commandIn(log: readonly OrderEvent[], commandId: string): Remembered | undefined {
  const events = log.filter((event) => isCausedBy(event, commandId));
  const last = events.at(-1);
  if (last === undefined) return undefined;
  const order = fold(log.filter(({ version }) => version <= last.version));
  if (order === undefined) return undefined;
  const prefix = `${last.commandId}.`;
  // A fact that settled an effect has the effect's key as its cause.
  const message = events.find(({ causationId }) => causationId.startsWith(prefix));
  return {
    commandId: last.commandId,
    ...(message && { hash: message.causationId.slice(prefix.length) }),
    answer: { ...answerOf(order, events), requestId: '' },
  };
}

/** Outcomes and deadlines carry their own id as both: they are no message's. */
function isCausedBy(event: OrderEvent, commandId: string): boolean {
  return isSameCommand(event.commandId, commandId) && event.causationId !== event.commandId;
}

/**
 * Looks for commands among the events of an order up to version `upTo`.
 *
 * @returns those that the order has had by then
 * @throws JournalIncomplete if the journal lacks one of these events
 */
export async function recallCommands(
  db: Db,
  orderId: string,
  commandIds: readonly string[],
  upTo: number,
): Promise<readonly Remembered[]> {
  const version = { $gte: 1, $lte: upTo };
  const recorded = await journal(db).countDocuments({ orderId, version }, committed);
  if (recorded < upTo) {
    throw new JournalIncomplete(
      `the journal lacks ${upTo - recorded} events of order ${orderId} up to ${upTo}`,
    );
  }
  const ids = commandIds.flatMap((commandId) => [commandId, keyOf(commandId)]);
  const last = await journal(db).findOne(
    { orderId, version, commandId: { $in: ids } },
    { ...committed, projection: { version: 1 }, sort: { version: -1 } },
  );
  if (last === null) return [];
  const log = await readJournal(db, orderId, { limit: last.version });
  return commandIds.flatMap((commandId) => commandIn(log, commandId) ?? []);
}
