import type { Db } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import { type DeliveryRow, deliveryRows } from './rows.js';

/** Which attempts to deliver are listed. */
export interface DeliveryQuery {
  /** only attempts for this event, `<orderId>:<version>` */
  readonly eventId?: string | undefined;
  /** only attempts before this time */
  readonly before?: Date | undefined;
  /** the list may have a few more: it has all attempts of its last millisecond */
  readonly limit: number;
}

/** The attempts of the last 30 days, the newest first. */
export async function listDeliveries(
  db: Db,
  endpointId: string,
  { eventId, before, limit }: DeliveryQuery,
): Promise<readonly DeliveryRow[]> {
  const ofEndpoint = { endpointId, ...(eventId !== undefined && { eventId }) };
  const found = await deliveryRows(db)
    .find({ ...ofEndpoint, ...(before !== undefined && { at: { $lt: before } }) }, committedInTime)
    .sort({ at: -1 })
    .limit(limit)
    .toArray();
  const last = found.at(-1);
  if (last === undefined || found.length < limit) return found;
  // All attempts of the last millisecond are in one page, so that the next one loses none.
  const ofLast = await deliveryRows(db)
    .find({ ...ofEndpoint, at: last.at }, committedInTime)
    .toArray();
  return [...found.filter(({ at }) => at.getTime() !== last.at.getTime()), ...ofLast];
}

/** An attempt as the API shows it. */
export function deliveryAnswer(row: DeliveryRow) {
  const { _id: _, endpointId: _endpoint, at, ...shown } = row;
  return { ...shown, at: at.toISOString() };
}
