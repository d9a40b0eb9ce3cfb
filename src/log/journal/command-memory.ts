import { answerOf } from '../../order-log.js';
import type { Db } from 'mongodb';
import type { OrderEvent } from '../../order/events.js';
import { fold } from '../../order/evolve.js';
import { isSameCommand, keyOf } from '../workflow/command-id.js';
import type { Remembered } from '../workflow/messages.js';
import { committed } from './durability.js';
import { journal, laterBeginnings, readJournal } from './journal.js';

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
  const caused = log.filter((event) => isCausedBy(event, commandId));
  const hash = caused.map(hashIn).find((found) => found !== undefined);
  // The refusal of another command under the same key is not this command's.
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

/** Of the message that led to the event; a fact that settled an effect has the effect's key as its cause. */
function hashIn({ commandId, causationId }: OrderEvent): string | undefined {
  const prefix = `${commandId}.`;
  return causationId.startsWith(prefix) ? causationId.slice(prefix.length) : undefined;
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
      `the journal of order ${orderId} begins at version ${begins}: what it was before is not known`,
    );
  const log = await readJournal(db, orderId, { limit: last.version });
  return commandIds.flatMap((commandId) => commandIn(log, commandId) ?? []);
}
