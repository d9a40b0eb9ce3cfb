import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { journal } from '../journal/journal.js';

const COUNT_BATCH_SIZE = 1_000_000;

/**
 * How many positions up to `last` have no event any more, and the first of them.
 *
 * @param heartbeat called between two queries
 */
export async function lostPositions(
  log: AnyLog,
  db: Db,
  last: number,
  heartbeat: () => void,
): Promise<{ readonly count: number; readonly first?: number }> {
  let [kept, whole] = [0, 0];
  for (let after = 0; after < last; after += COUNT_BATCH_SIZE) {
    const end = Math.min(last, after + COUNT_BATCH_SIZE);
    kept += await countBetween(log, db, after, end);
    if (kept === end) whole = end;
    heartbeat();
  }
  if (kept === last) return { count: 0 };
  // No position up to `whole` is lost, and at least one between `whole` and `end` is.
  let end = Math.min(last, whole + COUNT_BATCH_SIZE);
  while (end - whole > 1) {
    const middle = Math.floor((whole + end) / 2);
    if ((await countBetween(log, db, whole, middle)) === middle - whole) whole = middle;
    else end = middle;
    heartbeat();
  }
  return { count: last - kept, first: end };
}

async function countBetween(log: AnyLog, db: Db, after: number, last: number): Promise<number> {
  return await journal(log, db).countDocuments({ position: { $gt: after, $lte: last } }, committed);
}
