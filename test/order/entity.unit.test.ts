import { describe, expect, test } from '@jest/globals';
import type { Effect } from '../../src/order/effects.js';
import { orders } from '../../src/order/entity.js';
import { type Order, owedEffects } from '../../src/order/order.js';
import { deliveredFact, dispatchedFact, label, states } from './examples.js';

const now = '2026-01-02T00:00:00.000Z';
const { facts } = orders;
const { order: confirmed } = states.confirmed;

function effectOf({ order }: { readonly order: Order }): Effect {
  const [effect] = owedEffects(order);
  if (effect === undefined) throw new Error('Nothing is owed.');
  return effect;
}

/** The data of a fact `PaymentSettled`. */
const paid = (outcome: string, reference = 'o-1:authorize:2', authorizationId = 'pay-1') => ({
  reference,
  authorizationId,
  outcome,
});

describe('the Web UI', () => {
  test.each([
    ['reserve 2 × A-1, 1 × B-2', states.reserving],
    ['authorize EUR 52.21', states.authorizing],
    ['deduct 2 × A-1, 1 × B-2', states.deducting],
    ['capture EUR 52.21', states.capturing],
    ['release 2 × A-1, 1 × B-2', states.cancelling],
    ['restock 1 × A-1', states.returned],
    ['book s1 with Sandbox Post', states.labelRequested],
    ['book s1', states.labelRefused.do(label())],
  ])('%s', (summary, scenario) => {
    expect(orders.summary(effectOf(scenario))).toBe(summary);
  });

  test('shows a voided authorization, and unknown data as unknown', () => {
    const voided = {
      type: 'void',
      key: 'o-1:void:3',
      correlationId: 'o-1',
      authorizationId: 'pay-1',
    } as const;
    expect(orders.summary(voided)).toBe('void pay-1');
    expect(() => orders.summary({ ...voided, type: 'other' } as never)).toThrow(TypeError);
  });

  test('shows the order at a glance, why it is held and what is under way', () => {
    expect(orders.details(states.held.order)).toMatch(/^\*\*confirmed\*\* · \*\*held\*\*: check the address/);
    expect(orders.details(states.reserving.order)).toMatch(/\n\nUnder way: reserve$/);
    expect(orders.details(confirmed)).toMatch(
      /\| EUR 52.21 \| EUR 52.21 \| EUR 0.00 \| EUR 0.00 \| authorized \|/,
    );
  });
});

test('each effect has its performer, and is settled by its outcome', () => {
  expect(orders.performer(states.authorizing.owed('authorize'))).toBe('payments');
  const effect = states.reserving.owed('reserve');
  expect(orders.performer(effect)).toBe('inventory');
  expect(orders.settle(states.reserving.order, effect, { type: 'reserved' }, now)).toMatchObject([
    { type: 'StockReserved' },
  ]);
});

test('an effect belongs to the trace of the event that made it owed', () => {
  const [created] = states.reserving.log;
  if (created === undefined) throw new Error('there is no event');
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  expect(orders.effects(orders.evolve(undefined, { ...created, traceId }))).toMatchObject([
    { type: 'reserve', traceId },
  ]);
  expect(orders.effects(orders.evolve(undefined, created))[0]).not.toHaveProperty('traceId');
});

test('a command is decided, a workflow’s cancellation is one, and an answer names the parts', () => {
  expect(orders.decide(confirmed, 'AddNote', { text: 'n' }, now)).toMatchObject({
    events: [{ type: 'NoteAdded' }],
  });
  expect(orders.cancel(confirmed)).toMatchObject({ type: 'CancelOrder', hasIssuer: true });
  const { rules: _, ...older } = confirmed;
  expect(orders.cancel(older)).toMatchObject({ hasIssuer: false });
  expect(orders.answerFields(states.readyToDispatch.log)).toEqual({ shipmentId: 's1' });
  expect(orders.answerFields(states.returning.log)).toEqual({ shipmentId: 's1', returnId: 'r1' });
  expect(orders.answerFields([])).toEqual({});
  expect(orders.resumption({ reason: 'lost' })).toEqual({ type: 'OrderResumed', data: { reason: 'lost' } });
});

describe('a fact', () => {
  test('is judged, recorded, and recognized while it waits', () => {
    const { type, data } = deliveredFact;
    expect(facts?.judge(confirmed, type, data, now)).toEqual({
      kind: 'waits',
      received: {
        type: 'FactReceived',
        data: { fact: type, data, reason: 'the order has no shipment s1' },
      },
    });
    const waiting = states.confirmed.take(deliveredFact, 'd-1').order;
    expect(facts?.isWaiting(waiting, 'd-1')).toBe(true);
    expect(facts?.isWaiting(waiting, 'd-2')).toBe(false);
    expect(facts?.isWaiting(confirmed, 'd-1')).toBe(false);
  });

  test.each<[string, unknown]>([
    ['NoSuchFact', {}],
    [dispatchedFact.type, undefined],
    [dispatchedFact.type, null],
    [dispatchedFact.type, { shipmentId: 's1', carrier: 7, trackingNumber: 't' }],
    ['PaymentSettled', paid('perhaps')],
    ['PaymentSettled', { ...paid('declined'), code: 51 }],
  ])('%s with %j is malformed', (type, data) => {
    expect(facts?.judge(confirmed, type, data, now)).toMatchObject({
      refusal: { code: 'malformed', message: `${type} has data of the wrong shape` },
    });
  });

  test('without an issuer is judged by the older rules', () => {
    const judge = (type: string, data: unknown, order = states.paymentPending.order) =>
      facts?.judgeWithoutIssuer?.(order, type, data, now);
    expect(judge(deliveredFact.type, deliveredFact.data)).toBeUndefined();
    expect(judge('PaymentSettled', {})).toMatchObject({ refusal: { code: 'malformed' } });
    expect(judge('PaymentSettled', paid('authorized', 'x', 'nobody'))).toMatchObject({
      refusal: { code: 'payment_unknown' },
    });
    const [{ authorizationId } = { authorizationId: '' }] = states.paymentPending.order.authorizations;
    const settled = judge('PaymentSettled', paid('authorized', 'another', authorizationId));
    expect(settled).toMatchObject({ kind: 'applies', events: [{ type: 'PaymentAuthorized' }] });
    expect(settled).not.toHaveProperty('settles');
    const { key } = states.authorizing.owed('authorize');
    const answered = judge('PaymentSettled', paid('authorized', key), states.authorizing.order);
    expect(answered).toMatchObject({ kind: 'applies', settles: key });
  });
});
