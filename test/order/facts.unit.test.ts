import { describe, expect, test } from '@jest/globals';
import { type Fact, LIMITS, type PaymentFact } from '../../src/order/commands.js';
import { fold } from '../../src/order/evolve.js';
import { judgeFact } from '../../src/order/facts.js';
import { hasRoomForFacts, waitingFacts } from '../../src/order/received-facts.js';
import { cancel, deliver, deliveredFact, dispatch, dispatchedFact, ship, states } from './examples.js';
import type { Scenario } from './specification.js';

const day = 24 * 60 * 60 * 1000;

function types(scenario: Scenario, since: Scenario): readonly string[] {
  return scenario.log.slice(since.log.length).map(({ type }) => type);
}

function paid(outcome: PaymentFact['outcome'], more: Partial<PaymentFact> = {}): Fact {
  const data = { reference: 'o-1:authorize:2', authorizationId: 'pay-1', outcome, ...more };
  return { type: 'PaymentSettled', data };
}

describe('a fact that does not fit yet', () => {
  test('waits in the log, and is applied under its own command id when it fits', () => {
    const waiting = states.confirmed.take(deliveredFact, 'webhook d-1');
    expect(types(waiting, states.confirmed)).toEqual(['FactReceived']);
    expect(waiting.order.facts).toMatchObject([
      { type: 'ShipmentDelivered', commandId: 'webhook d-1', causationId: 'webhook d-1.0' },
    ]);
    const delivered = waiting.do(ship()).do(dispatch());
    expect(types(delivered, waiting)).toEqual(['ShipmentCreated', 'ShipmentDispatched', 'ShipmentDelivered']);
    expect(delivered.log.at(-1)).toMatchObject({ commandId: 'webhook d-1', causationId: 'webhook d-1.0' });
    expect(delivered.order).not.toHaveProperty('facts');
  });

  test('is applied in the order in which facts fit, not in which they came', () => {
    const shipped = states.confirmed.take(deliveredFact, 'd').take(dispatchedFact, 'c').do(ship());
    expect(types(shipped, states.confirmed)).toEqual([
      'FactReceived',
      'FactReceived',
      'ShipmentCreated',
      'ShipmentDispatched',
      'ShipmentDelivered',
    ]);
  });

  test('stops waiting when the order changes accordingly for another reason', () => {
    const waiting = states.deducting.take(dispatchedFact, 'c').take(deliveredFact, 'd');
    // The shipment was dispatched with that tracking number, and the second fact delivers it.
    expect(types(waiting, states.deducting)).toEqual(['FactReceived', 'ShipmentDelivered']);
    const held = states.heldWithShipment.take(deliveredFact, 'd');
    expect(held.order.facts).toHaveLength(1);
    const delivered = fold(
      [...held.log, ...states.deducting.do(deliver()).log.slice(-2)].map((event, index) => ({
        ...event,
        version: index + 1,
      })),
    );
    expect(delivered).not.toHaveProperty('facts');
  });

  test('is reported once after a day, and is still applied if it fits later', () => {
    const unmatched = states.confirmed.take(deliveredFact, 'd').wait(2 * day);
    expect(unmatched.log.filter(({ type }) => type === 'FactUnmatched')).toMatchObject([
      { data: { factId: 'd', fact: 'ShipmentDelivered', reason: 'waited_too_long' } },
    ]);
    expect(unmatched.order.facts).toMatchObject([{ unmatched: true }]);
    expect(waitingFacts(unmatched.order)).toEqual([]);
    expect(types(unmatched.do(ship(), dispatch()), unmatched)).toContain('ShipmentDelivered');
  });

  test('is reported at the end of the order', () => {
    const cancelled = states.confirmed
      .take(deliveredFact, 'd')
      .take(dispatchedFact, 'c')
      .do(cancel)
      .settleAll();
    expect(cancelled.log.filter(({ type }) => type === 'FactUnmatched').map(({ data }) => data)).toEqual([
      { factId: 'd', fact: 'ShipmentDelivered', reason: 'order_ended' },
      { factId: 'c', fact: 'ShipmentDispatched', reason: 'order_ended' },
    ]);
  });

  test('counts towards a limit, and of the reported facts the latest are kept', () => {
    let full: Scenario = states.confirmed;
    for (let n = 1; n <= LIMITS.facts; n += 1) {
      expect(hasRoomForFacts(full.order)).toBe(true);
      full = full.take({ type: 'ShipmentDelivered', data: { shipmentId: `s${n + 1}` } }, `d${n}`);
    }
    expect(hasRoomForFacts(full.order)).toBe(false);
    const told = full.wait(day);
    expect(hasRoomForFacts(told.order)).toBe(true);
    expect(told.order.facts).toHaveLength(LIMITS.facts);
    const more = told.take(deliveredFact, 'latest').wait(day);
    expect(more.order.facts).toHaveLength(LIMITS.facts);
    expect(more.order.facts?.at(-1)).toMatchObject({ commandId: 'latest', unmatched: true });
  });
});

describe('a fact that the order reflects already changes nothing', () => {
  test.each<[string, Scenario, Fact]>([
    ['delivered', states.completed, deliveredFact],
    ['dispatched', states.onItsWay, factOf(states.onItsWay)],
    ['authorized', states.confirmed, paid('authorized')],
    ['authorized, and voided since', states.cancelled, paid('authorized')],
    ['declined, and nothing waits for it', states.expired, paid('declined')],
  ])('%s', (_, scenario, fact) => {
    expect(judgeFact(scenario.order, fact, scenario.now)).toEqual({ kind: 'reflected' });
    expect(scenario.take(fact).log).toHaveLength(scenario.log.length);
  });
});

describe('a fact about a payment', () => {
  test('is the answer to the effect that asked for it', () => {
    const authorized = states.authorizing.take(paid('authorized'));
    expect(authorized.order.status).toBe('confirmed');
    expect(authorized.log.at(-1)).toMatchObject({ causationId: 'o-1:authorize:2' });
  });

  test('settles a pending payment', () => {
    expect(states.paymentPending.take(paid('authorized')).order.status).toBe('confirmed');
    expect(states.paymentPending.take(paid('declined')).order.status).toBe('rejected');
  });

  test('waits if the payment is unknown, or if the order says the opposite', () => {
    const unknown = paid('authorized', { authorizationId: 'pay-9' });
    for (const fact of [unknown, paid('declined')])
      expect(judgeFact(states.confirmed.order, fact, states.confirmed.now)).toMatchObject({ kind: 'waits' });
  });

  test('that declines an unwanted pending payment changes nothing', () => {
    const cancelling = states.paymentPending.do(cancel);
    const [pending] = cancelling.order.authorizations;
    expect(pending).toMatchObject({ status: 'pending' });
    const retired = {
      ...cancelling.order,
      owed: [],
      authorizations: cancelling.order.authorizations.map((entry) => ({ ...entry, retired: true })),
    };
    expect(judgeFact(retired, paid('declined'), cancelling.now)).toEqual({ kind: 'reflected' });
  });
});

describe('a command with respond-async that does not fit', () => {
  const release = { type: 'ReleaseOrder', data: {} } as const;

  test('is noted once for an unchanged order', () => {
    let refused = states.confirmed.signal(release);
    expect(types(refused, states.confirmed)).toEqual(['CommandRejected']);
    for (let n = 0; n < 150; n += 1) refused = refused.signal(release);
    expect(refused.log).toHaveLength(states.confirmed.log.length + 1);
    const again = refused.do({ type: 'AddNote', data: { text: 'x' } }).signal(release);
    expect(types(again, refused)).toEqual(['NoteAdded', 'CommandRejected']);
  });

  test('is noted a limited number of times in the life of an order', () => {
    let order: Scenario = states.confirmed;
    for (let n = 0; n < LIMITS.rejections + 10; n += 1)
      order = order.do({ type: 'AddNote', data: { text: `${n}` } }).signal(release);
    const rejections = order.log.filter(({ type }) => type === 'CommandRejected');
    expect(rejections).toHaveLength(LIMITS.rejections);
  });

  test('is noted every time in an order of rules 1', () => {
    const older = { ...states.confirmed.order, rules: 1 };
    expect(states.confirmed.withState(older).signal(release).signal(release).log).toHaveLength(
      states.confirmed.log.length + 2,
    );
  });
});

function factOf({ order }: Scenario): Fact {
  const [shipment] = order.shipments;
  const { shipmentId = '', carrier = '', trackingNumber = '' } = shipment ?? {};
  return { type: 'ShipmentDispatched', data: { shipmentId, carrier, trackingNumber } };
}
