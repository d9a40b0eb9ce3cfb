import type { Db } from 'mongodb';
import { readJournal } from '../event-log/journal.js';
import { HttpProblem } from '../platform/http-problem.js';
import type { OrderReader } from './order-reader.js';

export function orderNotFound(orderId: string): HttpProblem {
  return new HttpProblem(404, 'order_not_found', `There is no order ${orderId}.`);
}

/**
 * An order's log is read on from a version that the order has, be it in the journal only: that may be ahead of the view.
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
  const recorded = await readJournal(db, orderId, { from: after, limit: 1 });
  if (recorded.length === 0) throw versionUnknown(orderId, after, found.version);
}

function versionUnknown(orderId: string, after: number, version: number): HttpProblem {
  const detail = `There is no version ${after} of order ${orderId}: it is at version ${version}.`;
  return new HttpProblem(400, 'version_unknown', detail, { version });
}
