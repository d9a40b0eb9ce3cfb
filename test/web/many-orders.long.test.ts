import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { orders } from '../../src/views/orders.js';
import { apiAt } from '../support/orders-over-http.js';
import type { RoleProcess } from '../support/role-process.js';
import { createSystem, type System } from '../support/system.js';
import { desktop, openBrowser } from './browser.js';

const count = 100_000;
const batch = 10_000;

let system: System;
let server: RoleProcess;
let browser: Browser;

beforeAll(async () => {
  system = createSystem();
  [server, browser] = await Promise.all([system.start('write,read,worker,feed'), openBrowser()]);
  await apiAt(server.address).place({ id: 'first' });
  await fill();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await system?.end();
}, 60_000);

/** Copies of the order, each a second older than the one before. */
async function fill(): Promise<void> {
  const first = await orders(system.db).findOne({ _id: 'first' });
  if (first === null) throw new Error('The order has no view.');
  for (let from = 1; from < count; from += batch) {
    const copies = Array.from({ length: Math.min(batch, count - from) }, (_, index) => ({
      ...first,
      _id: `copy-${from + index}`,
      orderId: `copy-${from + index}`,
      createdAt: new Date(Date.parse(first.createdAt) - (from + index) * 1_000).toISOString(),
    }));
    await orders(system.db).insertMany(copies, { ordered: false });
  }
}

test('100,000 orders can be scrolled through, with few rows in the document', async () => {
  const page = await browser.newPage({ viewport: desktop });
  await page.goto(`${server.address}/orders`);
  await page.evaluate<unknown>(`globalThis.scrolling = setInterval(() => {
    const scroller = document.querySelector('.orders-scroller');
    scroller.scrollTo(0, scroller.scrollHeight);
    const rows = document.querySelectorAll('.orders-space [role=row]').length;
    globalThis.most = Math.max(globalThis.most ?? 0, rows);
  }, 20)`);
  const last = page.getByRole('link', { name: `copy-${count - 1}`, exact: true });
  await last.waitFor({ timeout: 400_000 });
  await page.getByText('100,000 orders').waitFor();
  expect(await page.evaluate<number>('globalThis.most')).toBeLessThanOrEqual(100);
}, 420_000);
