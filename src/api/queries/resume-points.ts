import type { Db } from 'mongodb';
import { answering } from '../../log/journal/durability.js';
import { readStored } from '../../log/journal/journal.js';
import { HttpProblem } from '../problem.js';
import { messageOf } from '../../outages/message-of.js';
import type { OrderReader } from './order-reader.js';

export function orderNotFound(orderId: string): HttpProblem {
  return new HttpProblem(404, 'order_not_found', `There is no order ${orderId}.`);
}

/** @param error what reading an event, or folding it, failed with */
export function logUnreadable(orderId: string, error: unknown): HttpProblem {
  const detail = `The log of order ${orderId} cannot be read as far as that: ${messageOf(error).replace(/\.?$/, '.')} GET /v1/orders/${orderId}/events tells it as it stands.`;
  return new HttpProblem(404, 'log_unreadable', detail);
}

/**
 * An order's log is read on from a version that the order has, though it may not be in the view
 * yet, or not even in the journal.
 *
 * @throws HttpProblem 404 where there is no such order, 400 where it has not come so far
 */
export async function refuseUnknownVersion(
  { db, reader }: { readonly db: Db; readonly reader: OrderReader },
  orderId: string,
  after: number,
): Promise<void> {
  const found = await reader.read(orderId);
  if (found === undefined) throw orderNotFound(orderId);
  if (after <= found.version) return;
  const recorded = await readStored(db, orderId, { from: after, limit: 1, maxTimeMS: answering.maxTimeMS });
  if (recorded.length > 0) return;
  refuseVersionBeyond(orderId, after, (await reader.readStrong(orderId))?.version ?? found.version);
}

/** @throws HttpProblem 400 where `after` is beyond the order as it is */
export function refuseVersionBeyond(orderId: string, after: number, version: number): void {
  if (after <= version) return;
  const detail = `There is no version ${after} of order ${orderId}: it is at version ${version}.`;
  throw new HttpProblem(400, 'version_unknown', detail, { version });
}

/** @throws HttpProblem 400 where `after` is beyond the head of the feed */
export function refusePositionBeyond(after: number, head: number): void {
  if (after <= head) return;
  const detail = `There is no position ${after}: the last one is ${head}.`;
  throw new HttpProblem(400, 'position_unknown', detail, { head });
}
