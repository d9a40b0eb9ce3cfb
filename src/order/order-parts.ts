import type { LineQuantity } from './commands.js';
import type { HoldCause } from './events.js';
import { type Line, type Order, type Shipment, type ShipmentCharge, quantityOf } from './order.js';

/* The order with one of its parts changed: a line, a shipment, a charge, a return or a hold. */

export function addToLines(
  order: Order,
  lines: readonly LineQuantity[],
  counter: keyof Pick<Line, 'allocated' | 'dispatched' | 'delivered' | 'returned'>,
): Order {
  return {
    ...order,
    lines: order.lines.map((line) => ({ ...line, [counter]: line[counter] + quantityOf(lines, line.sku) })),
  };
}

export function shippedLines(order: Order, shipmentId: string): readonly LineQuantity[] {
  return order.shipments.filter((entry) => entry.shipmentId === shipmentId).flatMap(({ lines }) => lines);
}

export function withShipment(
  order: Order,
  shipmentId: string,
  change: (shipment: Shipment) => Partial<Shipment> | undefined,
): Order {
  return {
    ...order,
    shipments: order.shipments.map((entry) =>
      entry.shipmentId === shipmentId ? { ...entry, ...change(entry) } : entry,
    ),
  };
}

export function withCharge(
  order: Order,
  shipmentId: string,
  change: (charge: ShipmentCharge) => Partial<ShipmentCharge>,
): Order {
  return withShipment(
    order,
    shipmentId,
    ({ charge }) => charge && { charge: { ...charge, ...change(charge) } },
  );
}

export function withDeclinedCharges(order: Order, status: 'due' | 'written_off'): Order {
  return {
    ...order,
    shipments: order.shipments.map((entry) =>
      entry.charge?.status === 'declined' ? { ...entry, charge: { ...entry.charge, status } } : entry,
    ),
  };
}

export function withReturn(order: Order, returnId: string, change: Partial<Order['returns'][number]>): Order {
  return {
    ...order,
    returns: order.returns.map((entry) => (entry.returnId === returnId ? { ...entry, ...change } : entry)),
  };
}

export function withoutHold(order: Order, cause: HoldCause): Order {
  return { ...order, holds: order.holds.filter((hold) => hold.cause !== cause) };
}
