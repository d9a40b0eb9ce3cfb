import { expect, test } from '@jest/globals';
import { type Ledgers, scoreOf } from '../../../../src/cli/sandbox/demo/scorecard.js';
import type { LedgerEntry } from '../../../../src/effects/payments/sandbox-ledger.js';
import { states } from '../../../order/examples.js';

const { log } = states.completed;
const capture = {
  orderId: 'o-1',
  type: 'capture',
  amount: 500,
  calls: 2,
  request: { type: 'capture', shipmentId: 's1' },
  capture: { id: 'c-1', method: 'tok_ok', refunded: 0 },
} as unknown as LedgerEntry;
const authorization = {
  orderId: 'o-1',
  type: 'authorize',
  amount: 500,
  calls: 1,
  authorization: { id: 'a-1', method: 'tok_ok', status: 'authorized', captured: 500 },
} as unknown as LedgerEntry;

const whole: Ledgers = {
  histories: new Map([['o-1', log]]),
  journals: new Map([['o-1', log]]),
  payments: [authorization, capture],
};

test('the scorecard of ledgers that agree has no loss and no double charge', () => {
  expect(scoreOf(whole)).toEqual({
    orders: { accepted: 1, inJournal: 1 },
    events: { inHistories: log.length, inJournal: log.length, lost: 0 },
    charges: { captures: 1, amount: 500, double: 0, keys: 2, calls: 3 },
  });
});

test.each<[string, Ledgers, number, number]>([
  ['an event that the journal lacks', { ...whole, journals: new Map([['o-1', log.slice(1)]]) }, 1, 0],
  ['an order that no ledger has', { ...whole, histories: new Map([['o-2', []]]) }, 1, 0],
  ['a second capture of a shipment', { ...whole, payments: [capture, capture] }, 0, 1],
  ['a second authorization that stands', { ...whole, payments: [authorization, authorization] }, 0, 1],
])('the scorecard counts %s', (_, ledgers, lost, double) => {
  expect(scoreOf(ledgers)).toMatchObject({ events: { lost }, charges: { double } });
});
