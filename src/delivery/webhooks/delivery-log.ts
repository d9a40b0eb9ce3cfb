import type { Db } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import { type DeliveryRow, deliveryRows } from './rows.js';

/** Which attempts to deliver are listed. */
export interface DeliveryQuery {
  /** only attempts for this event, `<orderId>:<version>` */
  readonly eventId?: string | undefined;
  /** only attempts before this time */
  readonly before?: Date | undefined;
  readonly limit: number;
}

/** The attempts of the last 30 days, the newest first. */
export async function listDeliveries(
  db: Db,
  endpointId: string,
  { eventId, before, limit }: DeliveryQuery,
): Promise<readonly DeliveryRow[]> {
  return await deliveryRows(db)
    .find(
      {
        endpointId,
        ...(eventId !== undefined && { eventId }),
        ...(before !== undefined && { at: { $lt: before } }),
      },
      committedInTime,
    )
    .sort({ at: -1 })
    .limit(limit)
    .toArray();
}

/** An attempt as the API shows it. */
export function deliveryAnswer(row: DeliveryRow) {
  const { _id: _, endpointId: _endpoint, at, ...shown } = row;
  return { ...shown, at: at.toISOString() };
}
