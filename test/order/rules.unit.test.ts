import { describe, expect, test } from '@jest/globals';
import { blocked } from '../../src/order/allowed.js';
import { LIMITS } from '../../src/order/commands.js';
import { isFinished } from '../../src/order/order.js';
import { toView } from '../../src/order/view.js';
import {
  amend,
  cancel,
  capture,
  create,
  day,
  deliver,
  dispatch,
  hold,
  oneOfA,
  receive,
  refund,
  requestReturn,
  ship,
  states,
  total,
  writeOff,
} from './examples.js';
import { Scenario, eventTypes, given, owedTypes } from './specification.js';

// Each test is a sentence of "Rules of the order" in the design.

describe('a hold blocks shipments and dispatch only', () => {
  test('a shipment is refused', () =>
    given(states.held).when(ship()).thenRefused({ message: 'the order is held' }));
  test('a dispatch is refused', () =>
    given(states.heldWithShipment).when(dispatch()).thenRefused({ message: 'the order is held' }));

  test('a reservation and an authorization continue', () => {
    const done = Scenario.empty.do(create(), hold).settle('reserve').settle('authorize');
    expect(done.order).toMatchObject({ status: 'confirmed', holds: [{ cause: 'command' }] });
  });
  test('an owed capture continues', () => {
    const held = states.partlyInShipment.do(dispatch(), hold);
    expect(toView(held.settle('deduct').settle('capture').order)).toMatchObject({
      held: true,
      captured: 2320,
    });
  });
  test('a refund continues', () => {
    const refunded = states.partlyDispatched.do(hold, refund(100)).settleAll();
    expect(toView(refunded.order)).toMatchObject({ held: true, refunded: 100 });
  });
  test('a void continues', () => {
    const amended = states.confirmed.do(hold, amend({ sku: 'A-1', quantity: 3 })).settle('reserve');
    const timedOut = amended.settle('authorize', { type: 'pending', authorizationId: 'pay-2' }).wait(day);
    expect(owedTypes(timedOut.order)).toEqual(expect.arrayContaining(['void']));
    const { authorizations, holds } = timedOut.settleAll().order;
    expect(holds).toHaveLength(1);
    expect(authorizations[1]).toMatchObject({ authorizationId: 'pay-2', status: 'voided' });
  });
});

describe('amend: the old lines stand until the difference is secured', () => {
  test('AmendmentRequested leads to OrderAmended', () => {
    const requested = states.confirmed.do(amend({ sku: 'A-1', quantity: 3 }));
    expect(requested.order.lines).toEqual(states.confirmed.order.lines);
    const amended = requested.settle('reserve').settle('authorize');
    expect(eventTypes(amended, requested)).toEqual(['StockReserved', 'PaymentAuthorized', 'OrderAmended']);
    expect(amended.order.lines).toMatchObject([{ sku: 'A-1', quantity: 3 }]);
  });
  test('AmendmentRequested leads to AmendmentRefused', () => {
    const refused = states.amendmentReserving.settle('reserve', { type: 'out_of_stock', missing: [] });
    expect(eventTypes(refused).at(-1)).toBe('AmendmentRefused');
    expect(refused.order.lines).toEqual(states.confirmed.order.lines);
  });
  test('shipments are refused meanwhile', () =>
    given(states.amendmentReserving).when(ship()).thenRefused({ message: 'an amendment is being secured' }));
});

describe('cancel is allowed while anything is undispatched', () => {
  test('it cancels the remainder, and the order completes on what shipped', () => {
    const done = states.partlyDispatched.do(cancel).settleAll().do(deliver());
    expect(done.order.status).toBe('completed');
    expect(toView(done.order)).toMatchObject({
      captured: 2320,
      fulfillmentStatus: 'delivered',
      paymentStatus: 'captured',
    });
  });
  test('the order is cancelled if nothing shipped', () => {
    expect(states.cancelled.order.status).toBe('cancelled');
    expect(isFinished(states.cancelled.order)).toBe(true);
  });
  test('it is refused when everything is dispatched', () =>
    given(states.deducting).when(cancel).thenRefused({ message: 'everything is dispatched' }));
});

describe('capture at dispatch, for what is dispatched', () => {
  test('nothing is captured earlier, and only the dispatched part', () => {
    expect(owedTypes(states.partlyInShipment.order)).toEqual([]);
    const capturing = states.partlyInShipment.do(dispatch()).settle('deduct');
    expect(capturing.owed('capture')).toMatchObject({ shipmentId: 's1', amount: 2320 });
  });
  test('a declined capture holds the order', () => {
    expect(states.captureDeclined.order.holds).toEqual([
      { cause: 'capture_declined', reason: 'the capture was declined' },
    ]);
  });
  test('a capture is retried, also with a new payment method', () => {
    const paid = states.captureDeclined.do(capture('tok_other')).settleAll();
    expect(toView(paid.order)).toMatchObject({ captured: total, held: false, paymentStatus: 'captured' });
  });
  test('a write-off gives the amount up', () => {
    const written = states.captureDeclined.do(writeOff).settleAll();
    expect(toView(written.order)).toMatchObject({ captured: 0, held: false, authorized: 0 });
  });
});

describe('authorizations expire', () => {
  test('an expired one is renewed before a capture', () => {
    const late = states.confirmed
      .do(ship())
      .wait(8 * day)
      .do(dispatch())
      .settle('deduct');
    expect(owedTypes(late.order)).toEqual(['authorize']);
    expect(owedTypes(late.settle('authorize').order)).toEqual(['capture']);
  });
  test('several may exist, with captured ≤ authorized for each', () => {
    const amended = states.amendmentAuthorizing.settleAll().do(ship(), dispatch()).settleAll();
    expect(amended.order.authorizations).toMatchObject([
      { amount: 5221, captured: 5221 },
      { amount: 1499, captured: 1499 },
    ]);
  });
});

describe('a return is received → refund and restock', () => {
  test('both are for the returned part', () => {
    expect(owedTypes(states.returned.order)).toEqual(['restock', 'refund']);
    expect(states.returned.owed('refund').amount).toBe(2320);
    expect(states.returned.owed('restock').lines).toEqual([oneOfA]);
  });
  test('a goodwill refund is a command of its own; refunded ≤ captured', () => {
    given(states.completed)
      .when(refund(total + 1))
      .thenRefused({ code: 'refund_too_large' });
    expect(toView(states.completed.do(refund(total)).settleAll().order)).toMatchObject({
      paymentStatus: 'refunded',
    });
  });
});

test('when the return window has passed, OrderClosed ends the order, and the status stays', () => {
  expect(eventTypes(states.closed).at(-1)).toBe('OrderClosed');
  expect(states.closed.order).toMatchObject({ status: 'completed', closed: true });
  expect(isFinished(states.closed.order)).toBe(true);
});

test('a return on its way keeps the order open until it is received', () => {
  const late = states.returningPastWindow;
  given(late).when(requestReturn(oneOfA)).thenRefused({ kind: 'invalid', code: 'return_window_passed' });
  const closed = late.do(receive()).settleAll();
  expect(eventTypes(closed, late)).toEqual([
    'ReturnReceived',
    'RefundRequested',
    'StockRestocked',
    'PaymentRefunded',
    'OrderClosed',
  ]);
});

test.each([
  ['shipments', states.confirmed, 'CreateShipment'],
  ['returns', states.completed, 'RequestReturn'],
  ['refunds', states.completed, 'RefundPayment'],
] as const)('an order does not grow without end: it takes %s and no more', (name, { order }, type) => {
  const parts = { shipments: order.shipments, returns: order.returns, refunds: order.refunds }[name];
  const full = {
    ...order,
    [name]: Array.from({ length: LIMITS[name] }, () => parts[0] ?? { lines: [], amount: 0, refunded: 0 }),
  };
  expect(blocked({ ...full, [name]: full[name].slice(1) }, type)).toBeUndefined();
  expect(blocked(full, type)).toBe(`the order has ${LIMITS[name]} ${name}: it takes no more`);
});

test.each([
  ['CreateShipment', states.confirmed, 'shipments'],
  ['RequestReturn', states.completed, 'returns'],
] as const)('%s: shipments and returns take this many lines and no more', (type, { order }, name) => {
  const lines = Array.from({ length: LIMITS.partLines / 10 }, () => ({ sku: 'A', quantity: 1 }));
  const parts = Array.from({ length: 10 }, () => ({ lines })) as never;
  expect(blocked({ ...order, [name]: [] }, type)).toBeUndefined();
  expect(blocked({ ...order, [name]: parts }, type)).toMatch(
    /^its shipments and returns have 500\d lines: it takes no more$/,
  );
});
