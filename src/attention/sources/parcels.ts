import { type TrackingRow, trackingRows } from '../../effects/carriers/tracking-rows.js';
import { committedInTime } from '../../mongodb/durability.js';
import { orders } from '../../views/orders.js';
import { pageFilter } from '../cursor.js';
import type { Source } from '../source.js';

/** Parcels that are on their way, and about which a carrier has failed to answer for too long. */
export const untrackedParcels: Source = async ({ db, overdueBefore, after, limit }) => {
  const found = await trackingRows(db)
    .aggregate<TrackingRow>(
      [
        { $match: pageFilter<TrackingRow>('failingSince', overdueBefore, after) },
        { $sort: { failingSince: 1, _id: 1 } },
        // Keeps only parcels that are still on their way. A webhook may have reported a delivery
        // since.
        {
          $lookup: {
            from: orders(db).collectionName,
            let: { orderId: '$orderId', shipmentId: '$shipmentId' },
            pipeline: [
              { $match: { $expr: { $eq: ['$_id', '$$orderId'] } } },
              { $unwind: '$shipments' },
              { $match: { $expr: { $eq: ['$shipments.shipmentId', '$$shipmentId'] } } },
              { $match: { 'shipments.status': 'dispatched' } },
              { $project: { _id: 1 } },
            ],
            as: 'onItsWay',
          },
        },
        { $match: { onItsWay: { $ne: [] } } },
        { $limit: limit },
        { $project: { onItsWay: 0 } },
      ],
      committedInTime,
    )
    .toArray();
  return found.map(
    ({ _id: id, orderId, shipmentId, carrier, trackingNumber, failingSince = '', failure }) => ({
      id,
      row: {
        orderId,
        code: 'tracking_failing',
        since: failingSince,
        detail: `nothing is known of shipment ${shipmentId} (${carrier} ${trackingNumber}): ${failure ?? ''}`,
        remedy: `it is asked about again automatically; if it has arrived: npx orders deliver ${orderId} ${shipmentId}`,
      },
    }),
  );
};
