import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { BrowserContext, Page } from 'playwright-core';
import type { PositionedEvent } from '../../src/log/feed/feed.js';
import { parkedEvents, toParked } from '../../src/log/views/parked-events.js';
import { viewBuilds } from '../../src/log/views/view-builds.js';
import { startReceiver } from '../delivery/webhooks/receiver.js';
import { type Api, byDhl, paidWith, type PlacedOrder } from '../support/orders-over-http.js';
import type { System } from '../support/system.js';
import { until } from '../support/until.js';
import { desktop, expectAccessibleInBothThemes, expectFits, phone } from './browser.js';
import { openSite, placeDelivered, type Site } from './site.js';

let site: Site;
let system: System;
let api: Api;
let context: BrowserContext;
let page: Page;
/** An order that was shipped and delivered. */
let delivered: PlacedOrder;

beforeAll(async () => {
  site = await openSite();
  ({ system, api, context, page } = site);
  delivered = await placeDelivered(api, 'paged');
}, 120_000);
afterEach(async () => {
  await page.setViewportSize(desktop);
});
afterAll(() => site?.close(), 60_000);

const open = async (path: string) => await site.open(path);
const shows = async (text: string | RegExp) => await site.shows(text);
const press = async (name: string) => await site.press(name);
const read = async (path: string) => await site.read(path);

test('an endpoint of webhooks is made, tried, changed, sent to again and deleted', async () => {
  const receiver = await startReceiver();
  const panel = page.getByRole('region', { name: 'Endpoint' });
  await open('/webhooks');
  await shows('Nothing is delivered yet');
  await press('New endpoint');
  await page.getByLabel('URL').fill(`${receiver.url}/hook`);
  await page.getByLabel('Events').fill('OrderCreated, OrderConfirmd');
  await press('Create');
  await page.getByRole('alert').getByText('There is no event OrderConfirmd').waitFor();
  await page.getByLabel('Events').fill('OrderCreated');
  await page.getByLabel('Description').fill('the warehouse');
  await press('Create');
  await panel.getByText(/^whsec_/).waitFor();
  await press('Send a test');
  await panel
    .getByText(/HTTP 204/)
    .first()
    .waitFor();
  const { id } = await api.place({ id: 'sent' });
  await panel
    .getByRole('link', { name: `${id}:1`, exact: true })
    .first()
    .waitFor();
  await press(`Send ${id}:1 again`);
  await shows(`${id}:1 is sent again soon.`);
  await until(async () => expect(receiver.received.filter((one) => one.id === `${id}:1`)).toHaveLength(2));
  await expectAccessibleInBothThemes(page);
  await page.setViewportSize(phone);
  await expectFits(page);
  await page.setViewportSize(desktop);
  await press('Disable');
  await panel.getByText('disabled', { exact: true }).waitFor();
  await press('Enable');
  await panel.getByText('enabled', { exact: true }).waitFor();
  await press('Rotate secret');
  await shows('the old secret signs too');
  await press('Change');
  await panel.getByLabel('Payload').selectOption('thin');
  await panel.locator('form').getByRole('button', { name: 'Change', exact: true }).click();
  await shows('It is changed');
  await panel.locator('.gets').getByText('thin').waitFor();
  await press('Replay');
  await panel.getByLabel('After position').fill('0');
  await press('Deliver again');
  await shows('What comes after position 0 is delivered again.');
  await press('Delete');
  await press('Delete it');
  await shows('Nothing is delivered yet');
  await receiver.close();
});

test('the list of orders is read again if its stream was refused', async () => {
  const json = { status: 503, code: 'overloaded', detail: 'There are too many streams.' };
  await page.route('**/v1/events/stream', (route) => route.fulfill({ status: 503, json }));
  await open('/orders');
  await page.getByRole('link', { name: 'paged', exact: true }).waitFor();
  await api.place({ id: 'while-refused' });
  await page.unroute('**/v1/events/stream');
  await page.getByRole('link', { name: 'while-refused', exact: true }).waitFor();
});

describe('the list of orders', () => {
  const rows = () => page.locator('.orders-space [role=row]');
  const ids = () => rows().locator('.c-order').allInnerTexts();
  const choose = async (group: string, name: RegExp) =>
    await page.getByRole('group', { name: group }).getByRole('link', { name }).click();

  test('keeps its filters in its address, and counts orders by status', async () => {
    const grouped = { lines: [{ sku: 'LIST-1', quantity: 1, unitPrice: 700 }] };
    const [held] = await Promise.all([
      api.place({ id: 'list-held', ...grouped }),
      api.place({ id: 'list-free', ...grouped }),
      api.place({ id: 'list-declined', ...grouped, ...paidWith('tok_declined') }),
    ]);
    await held.tell('hold', { reason: 'looks wrong' });
    await open('/orders');
    await page.getByLabel('Words').fill('LIST-1');
    await page.keyboard.press('Enter');
    await shows('3 orders');
    await choose('Status', /^confirmed/);
    await shows('2 orders');
    await choose('Flags', /^held/);
    await shows('1 order');
    await page.getByLabel('Total to').fill('700');
    await press('Search');
    const wanted = { q: 'LIST-1', status: 'confirmed', held: 'true', 'total[lte]': '700' };
    await page.waitForURL(({ searchParams }) => searchParams.has('total[lte]'));
    expect(Object.fromEntries(new URL(page.url()).searchParams)).toEqual(wanted);
    await page.reload();
    await shows('1 order');
    expect(await ids()).toEqual(['list-held']);
    expect(await page.getByLabel('Total to').inputValue()).toBe('700');
    expect(await page.locator('.chip[aria-current]').allInnerTexts()).toEqual([
      expect.stringMatching(/^confirmed/),
      'held',
    ]);
    await choose('Flags', /^held/);
    await shows('2 orders');
    await page.getByLabel('Total to').fill('699');
    await press('Search');
    await shows('No order matches');
    await page.getByRole('link', { name: 'Clear' }).click();
    await until(async () => {
      const { data } = await read('/v1/order-counts');
      const shown = await page
        .getByRole('group', { name: 'Status' })
        .locator('a:has(small:not(:empty))')
        .allInnerTexts();
      const counted = data.map(({ status, count }: { status: string; count: number }) => `${status}${count}`);
      expect(shown.map((text) => text.replaceAll(/\s/g, '')).toSorted()).toEqual(counted.toSorted());
    });
  });
});

test('a customer is shown with the amount paid and each of the orders', async () => {
  const { id } = await api.place({ customer: { id: 'c-9', name: 'Grace Sample' } });
  const order = api.order(id);
  await order.tell('cancel', { reason: 'twice' });
  const other = await api.place({ customer: { id: 'c-9', name: 'Grace Sample' } });
  const { body } = await other.tell('shipments');
  await other.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  await open('/customers/c-9');
  const figures = async () =>
    (await page.locator('.figures div').allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' '));
  await page.getByRole('heading', { name: 'Grace Sample c-9' }).waitFor();
  await until(async () => {
    await page.reload();
    await page.locator('.figures').waitFor();
    expect(await figures()).toEqual([
      'Orders 2',
      'Open 1',
      'Captured less refunded EUR 39.98',
      expect.stringMatching(/^First order /),
    ]);
  });
  const shown = page.locator('table.plain tbody tr');
  await shown.filter({ hasText: id }).getByText('cancelled').waitFor();
  await shown.getByRole('link', { name: other.id, exact: true }).click();
  await page.waitForURL(`**/orders/${other.id}`);
});

test('stock is shown with what is free and with its movements', async () => {
  const { id } = await api.place({ lines: [{ sku: 'SKU-9', quantity: 3, unitPrice: 100 }] });
  const [{ onHand }] = (await read('/v1/stock?limit=100')).data.filter(
    ({ sku }: { sku: string }) => sku === 'SKU-9',
  );
  await open('/stock');
  const row = page.locator('table.plain tr').filter({ hasText: 'SKU-9' });
  await row.waitFor();
  const numbers = [onHand, 3, onHand - 3].map((units) => units.toLocaleString('en'));
  expect(await row.locator('td.number').allInnerTexts()).toEqual(numbers);
  await row.getByRole('link', { name: 'SKU-9' }).click();
  await page.waitForURL('**/stock?sku=SKU-9');
  const movement = page
    .getByRole('heading', { name: 'Movements of SKU-9' })
    .locator('..')
    .locator('tbody tr');
  await movement.first().waitFor();
  expect(await movement.locator('td:not(:first-child)').allInnerTexts()).toEqual(['reserve', '3', id]);
});

test('an event that a view could not apply is retried, or skipped, on the page of the system', async () => {
  /** Simulates that the view could not apply the order's first event. */
  const park = async (id: string): Promise<void> => {
    const event = await until(async () => {
      const found = await system.db.collection('order_events').findOne({ orderId: id, version: 1 });
      expect(found).toMatchObject({ position: expect.any(Number) });
      return found as unknown as PositionedEvent;
    });
    const state = await viewBuilds(system.db).findOneAndUpdate({ _id: 'customers' }, { $inc: { parked: 1 } });
    const parked = toParked('customers', state?.collection ?? '', event, new Error('no such field'));
    await parkedEvents(system.db).insertOne(parked);
  };
  const orders = await Promise.all([api.place({ id: 'parked-1' }), api.place({ id: 'parked-2' })]);
  for (const { id } of orders) await park(id);
  await open('/system');
  const parked = page.locator('.parked li');
  // Later events of the order may wait behind the parked one, and are listed with it.
  const [first, second] = orders.map(({ id }) => parked.filter({ hasText: id }));
  await first!.getByText('no such field').first().waitFor();
  await first!.getByRole('button', { name: 'Retry' }).first().click();
  await until(async () => expect(await first!.count()).toBe(0));
  await second!.getByRole('button', { name: 'Skip' }).first().click();
  await page.locator('.parked').waitFor({ state: 'detached' });
  expect(await parkedEvents(system.db).countDocuments()).toBe(0);
});

test('a view is rebuilt from the page of the system, which shows the progress', async () => {
  const own = await context.newPage();
  await own.route('**/v1/projections', async (route) => {
    const { views, ...rest } = await (await route.fetch()).json();
    const rebuilding = { done: 500, total: 2_000, perSecond: 250, secondsLeft: 6 };
    const [first, ...others] = views;
    await route.fulfill({ json: { views: [{ ...first, rebuilding }, ...others], ...rest } });
  });
  await own.goto(`${site.server.address}/system`);
  await own.locator('.progress').getByText('500 of 2,000, 250/s, 6 s left').waitFor();
  await own.close();

  const stored = async () => (await viewBuilds(system.db).findOne({ _id: 'customers' }))?.collection;
  const before = await stored();
  await open('/system');
  await press('Rebuild customers');
  await until(async () => expect(await stored()).not.toBe(before));
  await page.getByRole('button', { name: 'Rebuild customers' }).waitFor();
});

describe('the page', () => {
  const paths = [
    '/orders',
    '/orders/paged',
    '/orders/paged?v=3',
    '/attention',
    '/system',
    '/customers/c-1',
    '/stock?sku=A-1',
    '/webhooks',
  ];

  test.each(paths)('%s is accessible in both themes, and fits a desktop and a phone', async (path) => {
    await open(path);
    await page.locator('main :is(table, [role=table], .attention, .empty)').first().waitFor();
    for (const size of [desktop, phone]) {
      await page.setViewportSize(size);
      await expectFits(page);
      await expectAccessibleInBothThemes(page);
    }
  });

  test('can be used by the keyboard alone', async () => {
    await open('/orders?status=completed');
    await page.getByRole('link', { name: 'paged', exact: true }).waitFor();
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').innerText()).toBe('Skip to content');
    await page.keyboard.press('Enter');
    const focused = () => page.evaluate<string>('document.activeElement.textContent');
    for (let steps = 0; steps < 100 && (await focused()) !== 'paged'; steps += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/orders/paged');
    await shows('As it is');
    await page.keyboard.press('ArrowLeft');
    await shows(/As it was after version/);
  });

  test('lists any number of orders with few rows in the document', async () => {
    const many = await context.newPage();
    await many.addInitScript({ content: answerWithMany(await delivered.view()) });
    await many.goto(`${site.server.address}/orders`);
    await many.getByText('100,000 orders').waitFor();
    const rows = many.locator('.orders-space [role=row]');
    for (const [share, seen] of [
      [0.5, 'many-50000'],
      [1, 'many-99999'],
    ] as const) {
      await many.evaluate<unknown>(
        `{ const it = document.querySelector('.orders-scroller'); it.scrollTo(0, it.scrollHeight * ${share}); }`,
      );
      await many.getByRole('link', { name: seen, exact: true }).waitFor();
      expect(await rows.count()).toBeLessThanOrEqual(100);
    }
    await many.close();
  });
});
/** A script that answers a request for the list with 100,000 orders like this one. */
function answerWithMany(order: object): string {
  return `{
    const answer = globalThis.fetch;
    const data = Array.from({ length: 100_000 }, (_, index) => ({ ...${JSON.stringify(order)}, orderId: 'many-' + index }));
    globalThis.fetch = (path, init) => String(path).startsWith('/v1/orders?')
      ? Promise.resolve({ ok: true, status: 200, headers: new Headers(), json: () => Promise.resolve({ data }) })
      : answer(path, init);
  }`;
}
