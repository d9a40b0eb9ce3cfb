import type { Db, Filter } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { Shipment } from '../../order/order.js';
import { type OrderDocument, orders } from '../../views/orders.js';
import type { Parcel } from './port.js';

/** A shipment that was dispatched with its carrier's booked label, and is not delivered yet. */
export interface ParcelOnItsWay extends Parcel {
  readonly orderId: string;
  readonly shipmentId: string;
}

const PAGE_SIZE = 100;

/**
 * Matches orders with a dispatched shipment whose label is booked. The first condition is that of
 * the view's partial index: MongoDB uses the index only if the filter repeats it.
 */
export const withParcels: Filter<OrderDocument> = {
  'state.shipments.label.status': 'booked',
  'state.shipments': { $elemMatch: { 'label.status': 'booked', status: 'dispatched' } },
};

/**
 * The parcels that are on their way, from the view `orders`. The view may lag: a parcel that it
 * does not show yet is found in the next round.
 */
export async function* parcelsOnTheirWay(db: Db): AsyncGenerator<ParcelOnItsWay, void> {
  let last = '';
  for (;;) {
    // The orders are read page by page, because a cursor would time out while a carrier is slow.
    const page = await orders(db)
      .find({ ...withParcels, _id: { $gt: last } }, committed)
      .sort({ _id: 1 })
      .limit(PAGE_SIZE)
      .project<{ readonly _id: string; readonly state: { readonly shipments: readonly Shipment[] } }>({
        'state.shipments': 1,
      })
      .toArray();
    for (const { _id: orderId, state } of page)
      for (const shipment of state.shipments) {
        const parcel = parcelOf(shipment);
        if (parcel !== undefined) yield { orderId, shipmentId: shipment.shipmentId, ...parcel };
      }
    if (page.length < PAGE_SIZE) return;
    last = page.at(-1)?.['_id'] ?? last;
  }
}

/**
 * The parcel that a carrier is asked about. Undefined unless the shipment is on its way under the
 * tracking number of its booked label: the port may not know the carrier of any other number.
 */
function parcelOf({ status, label, carrier, trackingNumber }: Shipment): Parcel | undefined {
  if (status !== 'dispatched' || label?.status !== 'booked') return undefined;
  if (carrier !== label.carrier || trackingNumber !== label.trackingNumber) return undefined;
  return { carrier, trackingNumber };
}
