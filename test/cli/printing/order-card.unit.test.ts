import { describe, expect, test } from '@jest/globals';
import { previewOf } from '../../../src/api/commands/gateway/preview.js';
import { eventRow } from '../../../src/cli/printing/event-rows.js';
import { orderCard } from '../../../src/cli/printing/order-card.js';
import { previewCard } from '../../../src/cli/printing/preview-card.js';
import type { Paint } from '../../../src/cli/printing/terminal.js';
import { inShort } from '../../../src/event-words.js';
import { toView } from '../../../src/order/view.js';
import { cancel, create, deliver, dispatch, hold, ship } from '../../order/examples.js';
import { Scenario } from '../../order/specification.js';

const plain: Paint = (_, text) => text;

const confirmed = Scenario.empty.do(create()).settle('reserve').settle('authorize');

test('the card of a preview shows what would happen, what the order would owe, and its money', () => {
  const { order } = confirmed;
  const after = confirmed.do(cancel);
  const lines = previewCard(previewOf(order, after.log.slice(confirmed.log.length)), plain);
  expect(lines.join('\n')).toMatch(
    /^Order \S+ · version 4 · nothing was sent\nwould be cancelled at version 5\n/,
  );
  expect(lines).toContainEqual(expect.stringMatching(/^ +5 .* OrderCancelled /));
  expect(lines).toContain('  release 2 × A-1, 1 × B-2');
  expect(lines).toContainEqual(expect.stringMatching(/^ +authorized +EUR 52.21 +EUR 52.21$/));
  expect(previewCard(previewOf(order, []), plain)[1]).toBe('the command would change nothing');
});

describe('the card of an order', () => {
  const cardOf = (scenario: Scenario) => orderCard(toView(scenario.order), plain).join('\n');

  test('shows money with its currency', () => {
    expect(cardOf(confirmed)).toContain(
      'EUR 52.21 (with shipping fee EUR 4.90, tax EUR 3.33, discount EUR 1.00)',
    );
    expect(cardOf(confirmed)).toContain('authorized: authorized EUR 52.21, captured EUR 0.00');
  });

  test('lists commands by the names of their scripts, and why others are blocked', () => {
    const lines = cardOf(confirmed).split('\n');
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}ship +allowed$/));
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}release +the order is not held$/));
  });

  test('says why the order is held', () => {
    expect(cardOf(confirmed.do(hold))).toContain('confirmed · held: check the address');
  });

  test('shows the progress of each line and shipment', () => {
    const card = cardOf(
      confirmed
        .do(ship({ sku: 'A-1', quantity: 1 }))
        .do(dispatch())
        .do(deliver()),
    );
    expect(card).toMatch(/A-1 +Anvil +2 +EUR 19\.99 +0 +1 +1 +0/);
    expect(card).toMatch(/s1 +delivered +1 × A-1 +DHL t-s1/);
  });
});

test('an event in short is one line with its essential data', () => {
  const [createdEvent, ...others] = confirmed.log;
  expect(createdEvent && inShort(createdEvent, 'EUR')).toBe(
    'EUR 52.21 for Ada Example (c-1): 2 × A-1, 1 × B-2',
  );
  expect(others.map((event) => [event.type, inShort(event, 'EUR').split(' until ')[0]])).toEqual([
    ['StockReserved', '2 × A-1, 1 × B-2'],
    ['PaymentAuthorized', 'EUR 52.21'],
    ['OrderConfirmed', ''],
  ]);
});

test.each([
  ['waited_too_long', 'ShipmentDelivered has not fit for a day'],
  ['order_ended', 'ShipmentDelivered did not fit before the order ended'],
] as const)('an unmatched fact is shown with its reason: %s', (reason, text) => {
  const [event] = confirmed.log;
  if (event === undefined) throw new Error('There is none.');
  const data = { factId: 'carrier e-1', fact: 'ShipmentDelivered', reason } as const;
  expect(inShort({ ...event, type: 'FactUnmatched', schemaVersion: 1, data }, 'EUR')).toBe(text);
});

test('an event of an unknown shape is shown by its type alone', () => {
  const [event] = confirmed.log;
  if (event === undefined) throw new Error('There is none.');
  const { data: _, ...others } = event;
  for (const change of [{ schemaVersion: 99 }, { type: 'Nonsense' }]) {
    const row = eventRow({ ...others, data: {}, ...change } as never, 'EUR');
    expect(row.slice(2)).toEqual(['type' in change ? 'Nonsense' : 'OrderCreated', event.actor, '']);
  }
});

test.each([
  ['OrderConfirmed', 'green'],
  ['FactReceived', 'yellow'],
  ['LabelRefused', 'red'],
  ['FactUnmatched', 'red'],
])('%s is %s in the terminal, as on the page', (type, format) => {
  const [event] = confirmed.log;
  const [, , name] = eventRow({ ...event, schemaVersion: 0, type } as never, 'EUR');
  expect(name).toEqual({ text: type, format });
});
