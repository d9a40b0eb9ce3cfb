import type { LineQuantity } from './order/commands.js';
import { type EventType, type OrderEvent, schemaVersions } from './order/events.js';
import { formatMoney } from './order/money.js';
import type { Label } from './order/order.js';

/**
 * Describes an event in a few words. The text is empty if the event's name is enough, or if the
 * event could not be upcast to the current shape.
 */
export function inShort(event: OrderEvent, currency: string): string {
  return schemaVersions[event.type] === event.schemaVersion ? words(event, currency) : '';
}

function words(event: OrderEvent, currency: string): string {
  const money = (amount: number) => formatMoney(amount, currency);
  switch (event.type) {
    case 'OrderCreated': {
      const { total, customer, lines } = event.data;
      return `${money(total)} for ${customer.name} (${customer.id}): ${linesInShort(lines)}`;
    }
    case 'StockReserved':
    case 'StockReleased':
      return linesInShort(event.data.lines);
    case 'StockRefused':
      return event.data.missing
        .map(({ sku, requested, available }) => `${sku}: ${requested} wanted, ${available} available`)
        .join('; ');
    case 'StockDeducted':
    case 'ShipmentDelivered':
      return event.data.shipmentId;
    case 'StockRestocked':
    case 'ReturnReceived':
      return event.data.returnId;
    case 'PaymentAuthorized':
      return `${money(event.data.amount)} until ${event.data.expiresAt}`;
    case 'PaymentPending':
      return `${money(event.data.amount)}, to be settled by ${event.data.deadline}`;
    case 'PaymentDeclined':
      return event.data.code;
    case 'PaymentTimedOut':
    case 'AuthorizationExpired':
      return event.data.authorizationId;
    case 'AuthorizationVoided':
      return money(event.data.amount);
    case 'PaymentCaptured':
      return `${money(event.data.amount)} for ${event.data.shipmentId}`;
    case 'CaptureDeclined':
      return `${money(event.data.amount)} for ${event.data.shipmentId}: ${event.data.code}`;
    case 'CaptureRequested':
      return event.data.payment === undefined ? '' : `with ${event.data.payment.method}`;
    case 'CaptureWrittenOff':
      return `${money(event.data.amount)}: ${event.data.reason}`;
    case 'PaymentRefunded':
      return `${money(event.data.amount)} for ${event.data.refundId}`;
    case 'OrderRejected':
    case 'AmendmentRefused':
      return `${event.data.reason}: ${event.data.detail}`;
    case 'OrderHeld':
      return event.data.reason;
    case 'OrderReleased':
      return event.data.cause === 'capture_declined' ? 'the capture is settled' : '';
    case 'OrderCancelled':
      return `${event.data.reason}: ${linesInShort(event.data.lines)}`;
    case 'AmendmentRequested': {
      const { lines, total, shippingAddress } = event.data;
      return [
        ...(lines === undefined ? [] : [linesInShort(lines)]),
        ...(total === undefined ? [] : [`for ${money(total)}`]),
        ...(shippingAddress === undefined ? [] : [`to ${shippingAddress.city}`]),
      ].join(' ');
    }
    case 'ShipmentCreated':
      return `${event.data.shipmentId}: ${linesInShort(event.data.lines)}`;
    case 'LabelRequested': {
      const { shipmentId, carrier } = event.data;
      return carrier === undefined ? shipmentId : `${shipmentId} with ${carrier}`;
    }
    case 'LabelBooked':
      return `${event.data.shipmentId} with ${event.data.carrier} ${event.data.trackingNumber}`;
    case 'LabelRefused':
      return `${event.data.shipmentId}: ${event.data.code}`;
    case 'ShipmentDispatched': {
      const { shipmentId, carrier, trackingNumber, amount } = event.data;
      return `${shipmentId} with ${carrier} ${trackingNumber}, ${money(amount)} due`;
    }
    case 'ReturnRequested':
      return `${event.data.returnId}: ${linesInShort(event.data.lines)}: ${event.data.reason}`;
    case 'RefundRequested':
      return `${event.data.refundId}: ${money(event.data.amount)}: ${event.data.reason}`;
    case 'OrderCompleted':
      return `returns until ${event.data.returnsUntil}`;
    case 'NoteAdded':
      return event.data.text;
    case 'FactReceived':
      return `${event.data.fact} waits: ${event.data.reason}`;
    case 'FactUnmatched': {
      const { fact, reason } = event.data;
      return `${fact} ${reason === 'order_ended' ? 'did not fit before the order ended' : 'has not fit for a day'}`;
    }
    case 'CommandRejected':
      return `${event.data.command}: ${event.data.message}`;
    case 'OrderResumed':
    case 'PersonForgotten':
      return event.data.reason;
    default:
      return membersInShort(event.data);
  }
}

/** Describes the data of an event that has no case above. */
function membersInShort(data: object): string {
  return Object.entries(data)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

/** Describes a label in a few words: `label booked: Sandbox Post SP4711`. */
export function labelInShort(label: Label): string {
  switch (label.status) {
    case 'requested':
      return label.carrier === undefined ? 'label requested' : `label requested: ${label.carrier}`;
    case 'booked':
      return `label booked: ${label.carrier} ${label.trackingNumber}`;
    case 'refused':
      return `label refused: ${label.code}`;
    default:
      return label satisfies never;
  }
}

export function linesInShort(lines: readonly LineQuantity[]): string {
  return lines.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
}

/** Whether an event is good or bad news. The tone determines the event's colour. */
export type EventTone = 'good' | 'warn' | 'bad' | 'plain';

/** Events of other types are plain. */
const tones: Readonly<Partial<Record<EventType, EventTone>>> = {
  StockRefused: 'bad',
  PaymentDeclined: 'bad',
  PaymentTimedOut: 'bad',
  OrderRejected: 'bad',
  OrderExpired: 'bad',
  CaptureDeclined: 'bad',
  AmendmentRefused: 'bad',
  LabelRefused: 'bad',
  CommandRejected: 'bad',
  FactUnmatched: 'bad',
  OrderHeld: 'warn',
  OrderCancelled: 'warn',
  AuthorizationExpired: 'warn',
  CaptureWrittenOff: 'warn',
  FactReceived: 'warn',
  OrderConfirmed: 'good',
  OrderCompleted: 'good',
};

export function toneOf({ type }: { readonly type: EventType }): EventTone {
  return tones[type] ?? 'plain';
}
