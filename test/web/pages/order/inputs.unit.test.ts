import { describe, expect, test } from '@jest/globals';
import { bodyParts } from '../../../../src/api/commands/body-parts.js';
import { commands } from '../../../../src/api/commands/table.js';
import { checkAgainst } from '../../../../src/api/requests/validation.js';
import { type FollowUpType, followUpTypes } from '../../../../src/order/commands.js';
import { toView } from '../../../../src/order/view.js';
import { formOf, type TypedTexts } from '../../../../src/web/pages/order/inputs.js';
import { amend, create, oneOfA, ship, states } from '../../../order/examples.js';
import { Scenario } from '../../../order/specification.js';
import { filled, orderFor } from './forms.js';

const { confirmed, partlyInShipment, partlyDelivered, returned } = states;

/** What the form of a command makes of texts, for an order in this state. */
function bodyIn({ order }: Scenario, type: FollowUpType, typed: TypedTexts = {}) {
  return formOf(type, toView(order)).bodyOf(typed);
}

test.each(followUpTypes)('the filled form of %s has a body that the API accepts', (type) => {
  const { body } = filled(type, orderFor(type));
  const { body: schemaFrom, fields } = commands[type];
  expect(checkAgainst(schemaFrom(bodyParts), 'body', body)).toBe(body);
  expect(Object.keys(body)).toEqual(Object.keys(fields));
});

describe('what is not entered', () => {
  test('is left out if it is optional', () => {
    expect(bodyIn(confirmed, 'CreateShipment')).toEqual({});
    expect(bodyIn(confirmed, 'AmendOrder')).toEqual({});
    expect(bodyIn(confirmed, 'CapturePayment', { 'payment.method': ' ' })).toEqual({});
  });

  test('is asked for if it is required', () => {
    expect(bodyIn(confirmed, 'HoldOrder')).toBe('Say why.');
    expect(bodyIn(confirmed, 'AddNote', { text: ' ' })).toBe('Say the note.');
    expect(bodyIn(partlyDelivered, 'RequestReturn', { reason: 'small', 'lines.A-1': '0' })).toBe(
      'Enter how many units.',
    );
  });
});

test.each(['', '0', 'five', '1.999', '-1'])('an amount of "%s" is refused', (amount) => {
  expect(bodyIn(confirmed, 'RefundPayment', { reason: 'late', amount })).toBe(
    'Enter an amount, such as 5.00.',
  );
});

test('an amount is entered in units of the currency', () => {
  const inYen = Scenario.empty.do(create({ currency: 'JPY' }));
  const typed = { reason: 'late', amount: '500' };
  expect(bodyIn(confirmed, 'RefundPayment', typed)).toEqual({ reason: 'late', amount: 50_000 });
  expect(bodyIn(inYen, 'RefundPayment', typed)).toEqual({ reason: 'late', amount: 500 });
});

describe('units of lines', () => {
  const offered = ({ order }: Scenario, type: FollowUpType) =>
    formOf(type, toView(order)).inputs.flatMap(({ kind, name, initial, most }) =>
      kind === 'units' ? [[name, initial, most]] : [],
    );

  test('can be shipped up to what is in no shipment', () => {
    expect(offered(confirmed, 'CreateShipment')).toEqual([
      ['lines.A-1', '2', 2],
      ['lines.B-2', '1', 1],
    ]);
    expect(offered(partlyInShipment, 'CreateShipment')).toEqual([
      ['lines.A-1', '1', 1],
      ['lines.B-2', '1', 1],
    ]);
    const allInShipments = partlyInShipment.do(ship());
    expect(offered(allInShipments, 'CreateShipment')).toEqual([]);
  });

  test('can be returned up to what was delivered and has not come back', () => {
    expect(offered(partlyDelivered, 'RequestReturn')).toEqual([['lines.A-1', '1', 1]]);
    expect(offered(returned, 'RequestReturn')).toEqual([
      ['lines.A-1', '1', 1],
      ['lines.B-2', '1', 1],
    ]);
  });

  test('can be any number in an amendment, where none removes the line', () => {
    expect(offered(confirmed, 'AmendOrder')).toEqual([
      ['lines.A-1', '2', undefined],
      ['lines.B-2', '1', undefined],
    ]);
    const typed = { 'lines.A-1': '7', 'lines.B-2': '0' };
    const body = bodyIn(confirmed, 'AmendOrder', typed);
    expect(body).toEqual({ lines: [{ sku: 'A-1', quantity: 7 }] });
    expect(confirmed.judge(amend({ sku: 'A-1', quantity: 7 }))).toMatchObject({
      events: [{ type: 'AmendmentRequested' }],
    });
  });

  test('are sent only if they were changed, or are required', () => {
    expect(bodyIn(confirmed, 'CreateShipment', { 'lines.B-2': '0', 'lines.A-1': '1' })).toEqual({
      lines: [oneOfA],
    });
    expect(bodyIn(partlyDelivered, 'RequestReturn', { reason: 'small' })).toEqual({
      reason: 'small',
      lines: [oneOfA],
    });
  });
});

test('an address has those parts that were entered', () => {
  const typed = { 'shippingAddress.street': '1 Main St ', 'shippingAddress.city': 'Berlin' };
  expect(bodyIn(confirmed, 'AmendOrder', { ...typed, 'shippingAddress.country': 'DE' })).toEqual({
    shippingAddress: { street: '1 Main St', city: 'Berlin', country: 'DE' },
  });
});
