import type { OrderEvent } from '../../order/events.js';
import type { Order } from '../../order/order.js';
import type { CommandAnswer, Remembered } from './messages.js';

/** The answer to a command that led to `events`, the last of which brought the order to where it is. */
export function answerOf({ orderId, version, status }: Order, events: readonly OrderEvent[]): CommandAnswer {
  const shipment = events.find((event) => event.type === 'ShipmentCreated');
  const returned = events.find((event) => event.type === 'ReturnRequested');
  return {
    orderId,
    version,
    status,
    events: events.map((event) => ({ version: event.version, type: event.type })),
    ...(shipment === undefined ? {} : { shipmentId: shipment.data.shipmentId }),
    ...(returned === undefined ? {} : { returnId: returned.data.returnId }),
  };
}

/** What came of a message that did not fit: nothing was done, so it is judged again when it comes again and may fit. */
export function didNothing({ answer }: Remembered): boolean {
  return answer.events.every(({ type }) => type === 'CommandRejected' || type === 'FactReceived');
}
