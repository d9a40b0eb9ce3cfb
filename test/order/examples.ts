import type {
  AmendedLine,
  CommandData,
  CommandOf,
  Fact,
  FollowUpCommand,
  ForgetPerson,
  LineQuantity,
  Terms,
} from '../../src/order/commands.js';
import { RULES_TODAY } from '../../src/order/rules.js';
import { Scenario } from './specification.js';

export const hour = 3_600_000;
export const day = 24 * hour;

export const terms: Terms = { paymentDeadline: day, returnWindow: 30 * day, authorizationTtl: 7 * day };

/** 2 × 1999 + 1 × 500 + fee 490 + tax 333 − discount 100 = 5221, which cannot be split evenly. */
export const orderData: CommandData['CreateOrder'] = {
  customer: { id: 'c-1', name: 'Ada Example' },
  currency: 'EUR',
  lines: [
    { sku: 'A-1', quantity: 2, unitPrice: 1999, name: 'Anvil' },
    { sku: 'B-2', quantity: 1, unitPrice: 500 },
  ],
  shippingFee: 490,
  tax: 333,
  discount: 100,
  payment: { method: 'tok_ok' },
  terms,
  rules: RULES_TODAY,
};

export const total = 5221;

// --- commands ---

export function create(changes: Partial<CommandData['CreateOrder']> = {}): CommandOf<'CreateOrder'> {
  return { type: 'CreateOrder', data: { ...orderData, ...changes } };
}
export const hold: FollowUpCommand = { type: 'HoldOrder', data: { reason: 'check the address' } };
export const release: FollowUpCommand = { type: 'ReleaseOrder', data: {} };
export const cancel: FollowUpCommand = { type: 'CancelOrder', data: { reason: 'changed my mind' } };
export function amend(...lines: readonly AmendedLine[]): FollowUpCommand {
  return { type: 'AmendOrder', data: { lines } };
}
export function ship(...lines: readonly LineQuantity[]): FollowUpCommand {
  return { type: 'CreateShipment', data: lines.length === 0 ? {} : { lines } };
}
export function label(shipmentId = 's1', carrier?: string): FollowUpCommand {
  return { type: 'RequestLabel', data: { shipmentId, ...(carrier !== undefined && { carrier }) } };
}
export function dispatch(shipmentId = 's1'): FollowUpCommand {
  return {
    type: 'DispatchShipment',
    data: { shipmentId, carrier: 'DHL', trackingNumber: `t-${shipmentId}` },
  };
}
export function deliver(shipmentId = 's1'): FollowUpCommand {
  return { type: 'DeliverShipment', data: { shipmentId } };
}
export function capture(method?: string): FollowUpCommand {
  return { type: 'CapturePayment', data: method === undefined ? {} : { payment: { method } } };
}
export const writeOff: FollowUpCommand = { type: 'WriteOffCapture', data: { reason: 'too small to chase' } };
export function requestReturn(...lines: readonly LineQuantity[]): FollowUpCommand {
  return { type: 'RequestReturn', data: { lines, reason: 'does not fit' } };
}
export function receive(returnId = 'r1'): FollowUpCommand {
  return { type: 'ReceiveReturn', data: { returnId } };
}
export function refund(amount: number): FollowUpCommand {
  return { type: 'RefundPayment', data: { amount, reason: 'sorry' } };
}
export const note: FollowUpCommand = { type: 'AddNote', data: { text: 'rings twice' } };

export const forget: ForgetPerson = {
  type: 'ForgetPerson',
  data: { customerId: 'c-1', keys: ['key-1'], reason: 'asked by the person', lawfulBasis: 'GDPR Art. 17' },
};

export const oneOfA: LineQuantity = { sku: 'A-1', quantity: 1 };
export const oneOfB: LineQuantity = { sku: 'B-2', quantity: 1 };
export const allLines: readonly LineQuantity[] = [{ sku: 'A-1', quantity: 2 }, oneOfB];

export const deliveredFact: Fact = { type: 'ShipmentDelivered', data: { shipmentId: 's1' } };
export const dispatchedFact: Fact = {
  type: 'ShipmentDispatched',
  data: { shipmentId: 's1', carrier: 'DHL', trackingNumber: 'T-1' },
};

// --- orders in every state ---

const created = Scenario.empty.do(create());
const authorizing = created.settle('reserve');
const paymentPending = authorizing.settle('authorize', { type: 'pending', authorizationId: 'pay-1' });
const confirmed = authorizing.settle('authorize', { type: 'authorized', authorizationId: 'pay-1' });
const amending = confirmed.do(amend({ sku: 'A-1', quantity: 3 }));
const readyToDispatch = confirmed.do(ship());
const labelled = Scenario.empty
  .do(create({ shippingAddress: { street: '1 Main St', city: 'Berlin', country: 'DE' } }))
  .settleAll()
  .do(ship(), label('s1', 'Sandbox Post'));
const deducting = readyToDispatch.do(dispatch());
const capturing = deducting.settle('deduct');
const captureDeclined = capturing.settle('capture', { type: 'declined', code: 'no_funds' });
const onItsWay = capturing.settle('capture', { type: 'captured', captureId: 'cap-1' });
const partlyDispatched = confirmed.do(ship(oneOfA), dispatch()).settleAll();
const completed = onItsWay.do(deliver());
const returning = completed.do(requestReturn(oneOfA));

export const states = {
  reserving: created,
  authorizing,
  paymentPending,
  confirmed,
  held: confirmed.do(hold),
  amendmentReserving: amending,
  amendmentAuthorizing: amending.settle('reserve'),
  amendmentPaymentPending: amending
    .settle('reserve')
    .settle('authorize', { type: 'pending', authorizationId: 'pay-2' }),
  authorizationExpired: confirmed.wait(7 * day),
  readyToDispatch,
  heldWithShipment: readyToDispatch.do(hold),
  partlyInShipment: confirmed.do(ship(oneOfA)),
  labelRequested: labelled,
  labelBooked: labelled.settle('book', {
    type: 'booked',
    carrier: 'Sandbox Post',
    trackingNumber: 'SP1',
    labelUrl: 'https://labels.example/SP1.pdf',
  }),
  labelRefused: labelled.settle('book', { type: 'refused', code: 'address_not_served' }),
  deducting,
  capturing,
  captureDeclined,
  captureDeclinedPartly: confirmed
    .do(ship(oneOfA), dispatch())
    .settle('deduct')
    .settle('capture', { type: 'declined', code: 'no_funds' }),
  captureRetrying: captureDeclined.do(capture()),
  onItsWay,
  partlyDispatched,
  partlyDelivered: partlyDispatched.do(deliver()),
  remainderCancelled: partlyDispatched.do(cancel).settleAll(),
  deliveredUnpaid: captureDeclined.do(deliver()),
  returningUnpaid: captureDeclined.do(deliver(), requestReturn(oneOfA)),
  completed,
  returning,
  returned: returning.do(receive()),
  refunded: returning.do(receive()).settleAll(),
  returningPastWindow: returning.wait(31 * day),
  closed: completed.wait(31 * day),
  completedForgotten: completed.do(forget),
  closedForgotten: completed.wait(31 * day).do(forget),
  resumed: confirmed.resume(),
  cancelling: confirmed.do(cancel),
  cancelled: confirmed.do(cancel).settleAll(),
  rejected: created.settle('reserve', { type: 'out_of_stock', missing: [] }),
  declined: authorizing.settle('authorize', { type: 'declined', code: 'declined' }).settleAll(),
  expired: paymentPending.wait(day).settleAll(),
  deliveryReported: confirmed.take(deliveredFact),
  deliveryUnmatched: confirmed.take(deliveredFact).wait(day),
} as const satisfies Record<string, Scenario>;

export type StateName = keyof typeof states;
