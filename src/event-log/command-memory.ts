import type { Db } from 'mongodb';
import type { OrderEvent } from '../domain/events.js';
import { fold } from '../domain/evolve.js';
import { upcast } from '../domain/upcasters.js';
import { answerOf } from '../workflows/answer.js';
import { isSameCommand, keyOf } from '../workflows/command-id.js';
import type { Remembered } from '../workflows/messages.js';
import { committed } from './durability.js';
import { journal, onlyEvent, readJournal, type StoredRecord } from './journal.js';

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
 * Looks for a command among the events of an order up to version `upTo`.
 *
 * @returns undefined if the order has not had it by then
 * @throws JournalIncomplete if the journal lacks one of these events
 */
export async function recallCommand(
  db: Db,
  orderId: string,
  commandId: string,
  upTo: number,
): Promise<Remembered | undefined> {
  const version = { $gte: 1, $lte: upTo };
  const recorded = await journal(db).countDocuments({ orderId, version }, committed);
  if (recorded < upTo) {
    throw new JournalIncomplete(
      `the journal lacks ${upTo - recorded} events of order ${orderId} up to ${upTo}`,
    );
  }
  const found = await journal(db)
    .find({ orderId, version, commandId: { $in: [commandId, keyOf(commandId)] } }, committed)
    .project<StoredRecord>(onlyEvent)
    .sort({ version: -1 })
    .toArray();
  const last = found.map((event) => upcast(event)).find((event) => isCausedBy(event, commandId));
  if (last === undefined) return undefined;
  return commandIn(await readJournal(db, orderId, { limit: last.version }), commandId);
}
