import { blocked, blockedForReturn, blockedForShipment } from './allowed.js';
import {
  type Command,
  type CommandData,
  type CommandOf,
  type FollowUpCommand,
  type LineQuantity,
  type NewLine,
  type ReturnCommandType,
  type ShipmentCommandType,
  LIMITS,
} from './commands.js';
import type { Parcel } from './effects.js';
import { entitlement } from './entitlement.js';
import type { EventData, EventDraft } from './events.js';
import { forget } from './forget.js';
import { isCurrency, orderTotal } from './money.js';
import {
  type Order,
  type Shipment,
  dueAt,
  isFinished,
  refundable,
  sum,
  unallocated,
  undispatched,
} from './order.js';
import { returnRefund, shipmentCharge } from './prices.js';
import { type Decision, refuse, type Refused } from './refusal.js';
import { followsRules, RULES_TODAY } from './rules.js';

/**
 * Decides a command against the current order: the events it leads to, or the reason why it is
 * refused. The function is pure. The workflow calls it for every command, and the API before it
 * starts an order and for previews.
 *
 * @param now ISO-8601 UTC
 */
export function decide(order: Order | undefined, command: Command, now: string): Decision {
  if (command.type === 'CreateOrder') {
    return order === undefined
      ? create(command.data)
      : refuse('not_allowed', 'order_exists', `order ${order.orderId} exists already`);
  }
  if (order === undefined) return refuse('not_found', 'order_not_found', 'there is no such order');
  if (command.type === 'ForgetPerson') return forget(order, command.data);
  if (isFinished(order))
    return refuse('not_allowed', 'order_closed', 'the order is closed: it takes no command');
  switch (command.type) {
    case 'RequestLabel':
      return ofShipment(order, command, () => decided({ type: 'LabelRequested', data: command.data }));
    case 'DispatchShipment':
      return ofShipment(order, command, (shipment) => dispatch(order, shipment, command.data));
    case 'DeliverShipment': {
      const { shipmentId } = command.data;
      return ofShipment(order, command, () => decided({ type: 'ShipmentDelivered', data: { shipmentId } }));
    }
    case 'ReceiveReturn':
      return receive(order, command.data);
    default: {
      const reason = blocked(order, command.type);
      return reason === undefined ? decideAllowed(order, command, now) : notAllowed(reason);
    }
  }
}

type OrderCommand = Exclude<FollowUpCommand, CommandOf<ShipmentCommandType | ReturnCommandType>>;

function decideAllowed(order: Order, command: OrderCommand, now: string): Decision {
  switch (command.type) {
    case 'HoldOrder':
      return decided({ type: 'OrderHeld', data: { cause: 'command', reason: command.data.reason } });
    case 'ReleaseOrder':
      return decided({ type: 'OrderReleased', data: { cause: 'command' } });
    case 'CancelOrder': {
      const lines = order.lines
        .map((line) => ({ sku: line.sku, quantity: undispatched(line) }))
        .filter((line) => line.quantity > 0);
      return decided({ type: 'OrderCancelled', data: { reason: command.data.reason, lines } });
    }
    case 'AmendOrder':
      return amend(order, command.data);
    case 'CreateShipment':
      return ship(order, command.data);
    case 'CapturePayment':
      return decided({ type: 'CaptureRequested', data: command.data });
    case 'WriteOffCapture': {
      const declined = order.shipments.flatMap(({ charge }) =>
        charge?.status === 'declined' ? [charge] : [],
      );
      const amount = sum(declined, (charge) => charge.amount - charge.captured);
      return decided({ type: 'CaptureWrittenOff', data: { amount, reason: command.data.reason } });
    }
    case 'RequestReturn':
      return requestReturn(order, command.data, now);
    case 'RefundPayment':
      return refund(order, command.data);
    default: {
      const { data } = command satisfies CommandOf<'AddNote'>;
      return decided({ type: 'NoteAdded', data: { text: data.text } });
    }
  }
}

function decided(...events: readonly EventDraft[]): Decision {
  return { events };
}

function notAllowed(reason: string): Refused {
  return refuse('not_allowed', 'not_allowed', reason);
}

/** The refusal of data that is wrong or breaks a rule, such as a quantity that is too large. */
function invalid(code: string, message: string, pointer?: string): Refused {
  return refuse('invalid', code, message, pointer);
}

function create(data: CommandData['CreateOrder']): Decision {
  const { shippingFee = 0, tax = 0, discount = 0, tags = [], rules = 1, ...given } = data;
  const { currency, lines } = given;
  if (rules > RULES_TODAY)
    throw new TypeError(`rules ${rules} are newer than this code, which knows ${RULES_TODAY}`);
  const charges = { shippingFee, tax, discount };
  if (!isCurrency(currency))
    return invalid('unknown_currency', `${currency} is no ISO-4217 currency, such as EUR`, '/currency');
  for (const [name, amount] of Object.entries(charges)) {
    if (!isAmount(amount))
      return invalid('invalid_amount', `${amount} is not an amount in minor units`, `/${name}`);
  }
  const wrong = wrongLines(lines) ?? wrongPrices(lines);
  if (wrong !== undefined) return wrong;
  const total = positiveTotal({ lines, ...charges });
  if (typeof total !== 'number') return total;
  return decided({ type: 'OrderCreated', data: { ...given, charges, total, tags, rules } });
}

function amend(order: Order, { lines, shippingAddress }: CommandData['AmendOrder']): Decision {
  if (lines === undefined && shippingAddress === undefined)
    return invalid('nothing_to_amend', 'give lines, shippingAddress or both');
  const address = shippingAddress === undefined ? {} : { shippingAddress };
  if (lines === undefined) return decided({ type: 'AmendmentRequested', data: address });
  const wrong = wrongLines(lines);
  if (wrong !== undefined) return wrong;
  const amended: NewLine[] = [];
  for (const [index, { sku, quantity, unitPrice, name }] of lines.entries()) {
    const old = order.lines.find((line) => line.sku === sku);
    const price = unitPrice ?? old?.unitPrice;
    if (price === undefined)
      return invalid('price_missing', `${sku} is new in this order: give its unitPrice`, `/lines/${index}`);
    const known = name ?? old?.name;
    amended.push({ sku, quantity, unitPrice: price, ...(known === undefined ? {} : { name: known }) });
  }
  const total = wrongPrices(amended) ?? positiveTotal({ ...order, lines: amended });
  if (typeof total !== 'number') return total;
  return decided({ type: 'AmendmentRequested', data: { lines: amended, total, ...address } });
}

function ship(order: Order, { lines }: CommandData['CreateShipment']): Decision {
  const wrong = lines && (wrongLines(lines) ?? beyondLines(order, lines, unallocated, 'left to ship'));
  if (wrong !== undefined) return wrong;
  const left = order.lines.map((line) => ({ sku: line.sku, quantity: unallocated(line) }));
  return decided({
    type: 'ShipmentCreated',
    data: {
      shipmentId: `s${order.shipments.length + 1}`,
      lines: (lines ?? left).filter((line) => line.quantity > 0),
    },
  });
}

/**
 * Decides a command to one shipment. Refuses it if there is no such shipment, or if the command is
 * not allowed for it now.
 */
function ofShipment(
  order: Order,
  { type, data: { shipmentId } }: CommandOf<ShipmentCommandType>,
  decideOn: (shipment: Shipment) => Decision,
): Decision {
  const shipment = order.shipments.find((entry) => entry.shipmentId === shipmentId);
  if (shipment === undefined)
    return refuse('not_found', 'shipment_not_found', `the order has no shipment ${shipmentId}`);
  const reason = blockedForShipment(order, shipment, type);
  return reason === undefined ? decideOn(shipment) : notAllowed(reason);
}

function dispatch(order: Order, shipment: Shipment, data: CommandData['DispatchShipment']): Decision {
  const parcel = parcelOf(shipment, data);
  if ('refusal' in parcel) return parcel;
  const amount = shipmentCharge(order, shipment.lines);
  return decided({
    type: 'ShipmentDispatched',
    data: { shipmentId: shipment.shipmentId, ...parcel, amount },
  });
}

/**
 * The parcel that the command names, or the parcel of the booked label; never a mixture of both.
 */
function parcelOf({ label }: Shipment, data: Partial<Parcel>): Parcel | Refused {
  const { carrier, trackingNumber } = data;
  if (carrier !== undefined && trackingNumber !== undefined) return { carrier, trackingNumber };
  const isGiven = carrier !== undefined || trackingNumber !== undefined;
  if (!isGiven && label?.status === 'booked')
    return { carrier: label.carrier, trackingNumber: label.trackingNumber };
  if (!isGiven && label?.status === 'requested')
    return notAllowed('the label is not booked yet: wait for it, or give carrier and trackingNumber');
  const message = 'give carrier and trackingNumber, or neither once a label is booked';
  const missing = carrier === undefined ? '/carrier' : '/trackingNumber';
  return invalid('parcel_unknown', message, missing);
}

function requestReturn(order: Order, { lines, reason }: CommandData['RequestReturn'], now: string): Decision {
  if (order.returnsUntil !== undefined && dueAt(order, order.returnsUntil) <= now)
    return invalid('return_window_passed', `returns were accepted until ${order.returnsUntil}`);
  const wrong =
    wrongLines(lines) ??
    beyondLines(order, lines, (line) => line.delivered - line.returned, 'delivered and not returned');
  if (wrong !== undefined) return wrong;
  return decided({
    type: 'ReturnRequested',
    data: { returnId: `r${order.returns.length + 1}`, lines, reason },
  });
}

/** The goods are back: they will be restocked, and what was paid for them will be refunded. */
function receive(order: Order, { returnId }: CommandData['ReceiveReturn']): Decision {
  const returned = order.returns.find((entry) => entry.returnId === returnId);
  if (returned === undefined)
    return refuse('not_found', 'return_not_found', `the order has no return ${returnId}`);
  const reason = blockedForReturn(order, returned, 'ReceiveReturn');
  if (reason !== undefined) return notAllowed(reason);
  const amount = followsRules(order, 2)
    ? sum(entitlement(order, returned.lines), (claim) => claim.amount)
    : returnRefund(order, returned.lines, refundable(order));
  const received: EventDraft = { type: 'ReturnReceived', data: { returnId } };
  if (amount === 0) return decided(received);
  const refundId = nextRefundId(order);
  return decided(received, {
    type: 'RefundRequested',
    data: { refundId, amount, reason: returned.reason, returnId },
  });
}

function refund(order: Order, { amount, reason }: CommandData['RefundPayment']): Decision {
  if (!isAmount(amount) || amount === 0)
    return invalid('invalid_amount', 'a refund is a positive number of minor units', '/amount');
  const most = refundable(order);
  if (amount > most)
    return invalid('refund_too_large', `at most ${most} is captured and not refunded yet`, '/amount');
  return decided({ type: 'RefundRequested', data: { refundId: nextRefundId(order), amount, reason } });
}

function nextRefundId(order: Order): EventData['RefundRequested']['refundId'] {
  return `f${order.refunds.length + 1}`;
}

// --- checks of lines and amounts ---

function isAmount(amount: number): boolean {
  return Number.isSafeInteger(amount) && amount >= 0;
}

function wrongLines(lines: readonly LineQuantity[]): Refused | undefined {
  if (lines.length === 0 || lines.length > LIMITS.lines)
    return invalid('invalid_lines', `give 1 to ${LIMITS.lines} lines, not ${lines.length}`, '/lines');
  const seen = new Set<string>();
  for (const [index, { sku, quantity }] of lines.entries()) {
    if (seen.has(sku))
      return invalid('duplicate_sku', `${sku} is there twice: add the quantities up`, `/lines/${index}/sku`);
    seen.add(sku);
    if (!Number.isInteger(quantity) || quantity < 1 || quantity > LIMITS.quantity) {
      const message = `a quantity is a whole number from 1 to ${LIMITS.quantity}, not ${quantity}`;
      return invalid('invalid_quantity', message, `/lines/${index}/quantity`);
    }
  }
  return undefined;
}

function wrongPrices(lines: readonly NewLine[]): Refused | undefined {
  const index = lines.findIndex((line) => !isAmount(line.unitPrice));
  if (index === -1) return undefined;
  const message = 'a price is a whole number of minor units, 0 or more';
  return invalid('invalid_amount', message, `/lines/${index}/unitPrice`);
}

function positiveTotal(charges: Parameters<typeof orderTotal>[0]): number | Refused {
  const total = orderTotal(charges);
  if (total === undefined) return invalid('total_too_large', `the total is over ${LIMITS.amount}`, '/lines');
  if (total > 0) return total;
  return invalid('total_not_positive', `goods + fee + tax - discount is ${total}: it must be positive`, '');
}

function beyondLines(
  order: Order,
  lines: readonly LineQuantity[],
  available: (line: Order['lines'][number]) => number,
  what: string,
): Refused | undefined {
  for (const [index, { sku, quantity }] of lines.entries()) {
    const line = order.lines.find((entry) => entry.sku === sku);
    if (line === undefined)
      return invalid('unknown_sku', `${sku} is not in the order`, `/lines/${index}/sku`);
    const most = available(line);
    if (quantity > most)
      return invalid('quantity_too_large', `${most} of ${sku} are ${what}`, `/lines/${index}/quantity`);
  }
  return undefined;
}
