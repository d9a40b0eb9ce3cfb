import type { Db } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import type { Generations } from '../../log/feed/generations.js';
import { readStoredEvents } from '../../log/journal/read-journal.js';
import { HttpProblem } from '../problem.js';
import type { OrderReader } from './order-reader.js';
import { orderLog } from '../../order-log.js';
import { orderNotFound } from './order-problems.js';

/**
 * Refuses to read an order's log after a version that the order does not have. A version counts
 * even if it is not in the view yet, or not even in the journal.
 *
 * @throws HttpProblem 404 if there is no such order, 400 if its version is lower than `after`
 */
export async function refuseUnknownVersion(
  { db, reader }: { readonly db: Db; readonly reader: OrderReader },
  orderId: string,
  after: number,
): Promise<void> {
  const found = await reader.read(orderId);
  if (found === undefined) throw orderNotFound(orderId);
  if (after <= found.version) return;
  const recorded = await readStoredEvents(orderLog, db, orderId, {
    from: after,
    limit: 1,
    maxTimeMS: committedInTime.maxTimeMS,
  });
  if (recorded.length > 0) return;
  refuseVersionBeyond(orderId, after, (await reader.readStrong(orderId))?.version ?? found.version);
}

/** @throws HttpProblem 400 if `after` is greater than the order's version */
export function refuseVersionBeyond(orderId: string, after: number, version: number): void {
  if (after <= version) return;
  const detail = `There is no version ${after} of order ${orderId}: it is at version ${version}.`;
  throw new HttpProblem(400, 'version_unknown', detail, { version });
}

/**
 * @throws HttpProblem 409 if position `after` of a generation may belong to another event in the
 *   current generation
 */
export function refuseOtherGeneration(after: number, generation: number, generations: Generations): void {
  const commonUntil = generations.commonWith(generation);
  if (after <= commonUntil) return;
  const { generation: current } = generations.current;
  const detail =
    `The feed was restored: its generation is ${current}, and of generation ${generation} it has only ` +
    `the positions up to ${commonUntil}. Continue with after=${commonUntil}&generation=${current}; events ` +
    'that you have had come again, with the same order and version.';
  throw new HttpProblem(409, 'feed_restored', detail, { generation: current, commonUntil });
}

/** @throws HttpProblem 400 if `after` is greater than the head of the feed */
export function refusePositionBeyond(after: number, head: number): void {
  if (after <= head) return;
  const detail = `There is no position ${after}: the last one is ${head}.`;
  throw new HttpProblem(400, 'position_unknown', detail, { head });
}
