import { expect, test } from '@jest/globals';
import { endpointLog } from '../../../src/endpoint/endpoint-log.js';
import { everyEvent } from '../../../src/selection.js';
import { orders } from '../../../src/order/entity.js';
import { LIMITS } from '../../../src/order/commands.js';
import { orderLog } from '../../../src/order-log.js';
import { stepSummary } from '../../../src/log/workflow/temporal-ui.js';
import { states } from '../../order/examples.js';

/** Limits of Temporal's `UserMetadata`, in bytes of JSON. */
const MAX_SUMMARY_BYTES = 400;
const MAX_DETAILS_BYTES = 20_000;

const bytes = (text: string | undefined) => Buffer.byteLength(JSON.stringify(text));
const creation = { commandId: 'shop k-1', hash: 'h', actor: 'shop' };

test.each(['日', '😀', '"', '\\', 'x'])('a summary with a long carrier of %j fits', (character) => {
  const { order } = states.confirmed;
  const booking = {
    type: 'book' as const,
    key: 'o-1:book:5',
    correlationId: 'c',
    shipmentId: 's1',
    carrier: character.repeat(200),
    lines: [],
    customer: order.customer,
    shippingAddress: { street: 's', city: 'c', country: 'DE' },
  };
  const summary = stepSummary(orders, [], booking);
  expect(summary.startsWith(`→ book s1 with ${character}${character}`)).toBe(true);
  expect(bytes(summary)).toBeLessThanOrEqual(MAX_SUMMARY_BYTES);
  expect(summary).not.toMatch(/\p{Surrogate}/u);
});

test('the summary of an endpoint with a long URL fits', () => {
  const url = `https://shop.example/${'a'.repeat(1979)}`;
  const state = {
    ...everyEvent,
    orderId: 'ep-1',
    version: 1,
    updatedAt: '',
    rejections: 0,
    secretIds: [],
    url,
    status: 'enabled' as const,
  };
  const { staticSummary } = endpointLog.startOptions(state, creation);
  expect(staticSummary).toMatch(/^https:\/\/shop\.example\/a+…$/);
  expect(bytes(staticSummary)).toBeLessThanOrEqual(MAX_SUMMARY_BYTES);
  expect(endpointLog.startOptions({ ...state, url: 'https://shop.example/' }, creation)).toMatchObject({
    staticSummary: 'https://shop.example/',
  });
});

test('the details of an order with as many and as long lines as possible fit', () => {
  const { order } = states.confirmed;
  const [line] = order.lines;
  if (line === undefined) throw new Error('The order has no line.');
  const lines = Array.from({ length: LIMITS.lines }, (_, index) => ({
    ...line,
    sku: `${index}`.padStart(64, '0'),
    quantity: LIMITS.quantity,
    unitPrice: LIMITS.amount,
  }));
  const { staticDetails } = orderLog.startOptions({ ...order, lines }, creation);
  expect(staticDetails).toContain(lines[150]?.sku);
  expect(bytes(staticDetails)).toBeLessThanOrEqual(MAX_DETAILS_BYTES);
});
