import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import { feedHead } from '../feed/feed.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { journal } from '../journal/journal.js';
import type { Discrepancy } from './discrepancy.js';
import { remedyOf } from './remedies.js';

const PROGRESS_EVERY = 1_000;

/**
 * Finds gaps and duplicates among the positions up to the head, and positions after it.
 *
 * @param head the last position, as it was read before
 * @param onProgress called with the number of positions that are checked
 */
export async function* wrongPositions(
  log: AnyLog,
  db: Db,
  head: number,
  onProgress: (done: number) => void,
): AsyncGenerator<Discrepancy, void> {
  let last = 0;
  const positioned = journal(log, db)
    .find({ position: { $gt: 0, $lte: head } }, committed)
    .project<{ orderId: string; version: number; position: number }>({
      _id: 0,
      orderId: 1,
      version: 1,
      position: 1,
    })
    .sort({ position: 1 });
  for await (const { orderId, version, position } of positioned) {
    if (position === last) yield { ...wrongPosition(log, `${position} is given twice`), orderId, version };
    else if (position !== last + 1) yield missingPositions(log, last + 1, position - 1);
    last = position;
    if (position % PROGRESS_EVERY === 0) onProgress(position);
  }
  if (last < head) yield missingPositions(log, last + 1, head);

  const beyond = journal(log, db).find({ position: { $gt: head } }, committed);
  for await (const { orderId, version, position = 0 } of beyond.sort({ position: -1 }).limit(1)) {
    // Positions may have been given since the head was read, so the head is read again.
    const headNow = await feedHead(log, db);
    if (position > headNow)
      yield { ...wrongPosition(log, `${position} is beyond the head, ${headNow}`), orderId, version };
  }
}

function missingPositions(log: AnyLog, from: number, to: number): Discrepancy {
  return wrongPosition(log, from === to ? `no event has ${from}` : `no event has ${from} to ${to}`);
}

function wrongPosition(log: AnyLog, detail: string): Discrepancy {
  const found = { where: 'positions', kind: 'differs' } as const;
  return { ...found, detail, remedy: remedyOf(log, found) };
}
