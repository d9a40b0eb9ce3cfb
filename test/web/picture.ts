import { afterAll, beforeAll, test } from '@jest/globals';
import { apiAt, byDhl, orderBody } from '../support/orders-over-http.js';
import { createSystem, type System } from '../support/system.js';
import { openBrowser } from './browser.js';

/** `npm run picture`: takes the README's picture again. */
let system: System;

beforeAll(() => {
  system = createSystem();
});
afterAll(() => system.end(), 60_000);

test('the picture of the README', async () => {
  const [{ address }] = await Promise.all([system.start('write,read'), system.start('worker,feed')]);
  const api = apiAt(address);
  const order = await api.place(
    orderBody({
      id: '4711',
      lines: [
        { sku: 'MUG-1', quantity: 2, unitPrice: 1999, name: 'Stoneware mug' },
        { sku: 'TEE-L', quantity: 1, unitPrice: 2450, name: 'T-shirt, L' },
      ],
      shippingFee: 490,
    }),
  );
  await order.tell('notes', { text: 'leave it at the door' });
  const { body } = await order.tell('shipments', { lines: [{ sku: 'MUG-1', quantity: 2 }] });
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  await order.tell(`shipments/${body.shipmentId}/deliver`);
  await order.tell('returns', { lines: [{ sku: 'MUG-1', quantity: 1 }], reason: 'chipped' });
  await order.tell('returns/r1/receive');
  await order.becomes({ paymentStatus: 'partially_refunded' });
  const browser = await openBrowser();
  const page = await browser.newPage({ viewport: { width: 1400, height: 860 }, colorScheme: 'light' });
  await page.goto(`${address}/orders/4711?v=9`);
  await page.locator('.live i.on').waitFor();
  await page.locator('.proof .status.good').waitFor();
  await page.locator('.events li:nth-child(15)').waitFor();
  await page.screenshot({ path: 'docs/page.png' });
  await browser.close();
}, 120_000);
