import { answerOf } from '../../order-log.js';
import type { Db } from 'mongodb';
import type { OrderEvent } from '../../order/events.js';
import { fold } from '../../order/evolve.js';
import { isSameCommand, keyOf } from '../workflow/command-id.js';
import type { Remembered } from '../workflow/messages.js';
import { committed } from './durability.js';
import { journal, laterBeginnings, readJournal } from './journal.js';

/**
 * The journal lacks recorded events of an order, so it cannot tell which commands the order has
 * had.
 */
export class JournalIncomplete extends Error {
  override readonly name = 'JournalIncomplete';
}

/**
 * The answer to a command, reconstructed from the events that it caused.
 *
 * @param log of the order, ascending, from version 1 to at least the last event of the command
 * @returns undefined if the command caused no event
 */
export function commandIn(log: readonly OrderEvent[], commandId: string): Remembered | undefined {
  const caused = log.filter((event) => isCausedBy(event, commandId));
  const hash = caused.map(hashIn).find((found) => found !== undefined);
  // Leaves out the refusal of another command that reused the key.
  const events = caused.filter((event) => [hash, undefined].includes(hashIn(event)));
  const last = events.at(-1);
  if (last === undefined) return undefined;
  const order = fold(log.filter(({ version }) => version <= last.version));
  if (order === undefined) return undefined;
  return {
    commandId: last.commandId,
    ...(hash !== undefined && { hash }),
    answer: { ...answerOf(order, events), requestId: '' },
  };
}

/**
 * The hash of the message that caused the event. Undefined for the events of a fact that settled an
 * effect: their cause is the effect's key.
 */
function hashIn({ commandId, causationId }: OrderEvent): string | undefined {
  const prefix = `${commandId}.`;
  return causationId.startsWith(prefix) ? causationId.slice(prefix.length) : undefined;
}

/** Outcomes and deadlines have the same id as command and cause; no message caused them. */
function isCausedBy(event: OrderEvent, commandId: string): boolean {
  return isSameCommand(event.commandId, commandId) && event.causationId !== event.commandId;
}

/**
 * Looks for commands among the events of an order up to version `upTo`.
 *
 * @returns the commands that are found, with their answers
 * @throws JournalIncomplete if the journal lacks one of these events
 */
export async function recallCommands(
  db: Db,
  orderId: string,
  commandIds: readonly string[],
  upTo: number,
): Promise<readonly Remembered[]> {
  const begins = (await laterBeginnings(db, [orderId])).get(orderId) ?? 1;
  const version = { $gte: begins, $lte: upTo };
  const lacks = upTo - begins + 1 - (await journal(db).countDocuments({ orderId, version }, committed));
  if (lacks > 0)
    throw new JournalIncomplete(`the journal lacks ${lacks} events of order ${orderId} up to ${upTo}`);
  const ids = commandIds.flatMap((commandId) => [commandId, keyOf(commandId)]);
  const last = await journal(db).findOne(
    { orderId, version, commandId: { $in: ids } },
    { ...committed, projection: { version: 1 }, sort: { version: -1 } },
  );
  if (last === null) return [];
  if (begins > 1)
    throw new JournalIncomplete(
      `the journal of order ${orderId} begins at version ${begins}: earlier events are lost`,
    );
  const log = await readJournal(db, orderId, { limit: last.version });
  return commandIds.flatMap((commandId) => commandIn(log, commandId) ?? []);
}
