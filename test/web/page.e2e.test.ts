import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { addKey } from '../../src/access/keys.js';
import { sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import type { PositionedEvent } from '../../src/log/feed/feed.js';
import { parkedEvents, toParked } from '../../src/log/views/feeding/parked-events.js';
import { projections } from '../../src/log/views/feeding/projection-state.js';
import { startReceiver } from '../delivery/receiver.js';
import { type BreakableServer, breakableMongodb } from '../support/breakable-server.js';
import { type Api, apiAt, byDhl, orderOf, paidWith, type PlacedOrder } from '../support/orders-over-http.js';
import type { RoleProcess } from '../support/role-process.js';
import { createSystem, type System } from '../support/system.js';
import { until } from '../support/until.js';
import { desktop, expectAccessible, expectFits, openBrowser, phone } from './browser.js';

let mongodb: BreakableServer;
let system: System;
let server: RoleProcess;
let api: Api;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** An order that was shipped and delivered. */
let told: PlacedOrder;

/** The receiver of the tests is on the loopback address. */
const anyReceiver = { WEBHOOKS_ALLOW_PRIVATE: 'on' };

/** On the port of its first start. */
async function startServer(port = '0'): Promise<RoleProcess> {
  return await system.start('write,read', { HTTP_PORT: port, ATTENTION_AFTER: '1s', ...anyReceiver });
}

beforeAll(async () => {
  const opening = openBrowser();
  mongodb = await breakableMongodb();
  system = createSystem({ mongodb: mongodb.address });
  [server, browser] = await Promise.all([startServer(), opening, system.start('worker,feed', anyReceiver)]);
  api = apiAt(server.address);
  context = await browser.newContext({ viewport: desktop });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
  told = await api.place({ id: 'told' });
  const { body } = await told.tell('shipments');
  await told.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  await told.tell(`shipments/${body.shipmentId}/deliver`);
}, 120_000);
afterEach(async () => {
  await page.setViewportSize(desktop);
});
afterAll(async () => {
  await browser?.close();
  await system?.end();
  await mongodb?.end();
}, 60_000);

const open = async (path: string) => await page.goto(`${server.address}${path}`);
const shows = async (text: string | RegExp) => await page.getByText(text).first().waitFor();
const press = async (name: string) => await page.getByRole('button', { name, exact: true }).click();
const banner = () => page.locator('.banner');
/** The numbers beside the bars of money or goods, by what they are of. */
const bars = async (of: 'Money' | 'Goods') =>
  Object.fromEntries(
    await page
      .getByRole('region', { name: of })
      .locator('.bar-row')
      .evaluateAll((rows) =>
        rows.map((row) => Array.from(row.children, ({ textContent }) => textContent.trim()).filter(Boolean)),
      ),
  );

describe('an order', () => {
  test('is placed on the page, and seen to be confirmed', async () => {
    await open('/orders');
    await press('New order');
    const form = page.getByRole('form', { name: 'A new order' });
    await form.getByLabel('SKU').fill('B-7');
    await form.getByLabel('Units').fill('3');
    await form.getByLabel('Price in EUR').fill('five');
    await press('Place order');
    await form.getByRole('alert').getByText('The price is missing').waitFor();
    await form.getByLabel('Price in EUR').fill('5.00');
    await form.getByLabel('The payment').selectOption('is authorized after 2 s');
    expect(await form.locator('.typed-lines code').allInnerTexts()).toEqual([
      expect.stringMatching(/^curl .*\/v1\/orders .*"sku":"B-7","quantity":3,"unitPrice":500.*tok_slow/),
      'npx orders create --line B-7:3:500 --payment tok_slow',
    ]);
    await expectAccessible(page);
    await press('Place order');
    await page.waitForURL(/\/orders\/[^/?]+$/);
    await page.locator('.order-head .status.good').getByText('confirmed').waitFor();
    await page.locator('.order-head').getByText('EUR 15.00').waitFor();
  });

  test('is seen to be confirmed without a reload', async () => {
    const { body } = await api.post('/v1/orders', orderOf({ id: 'watched', ...paidWith('tok_pending') }));
    await open(`/orders/${body.orderId}`);
    await shows('Payment pending');
    await page.locator('.order-head .status.busy').getByText('pending').waitFor();
    await page.evaluate(() => Object.assign(globalThis, { isTheSame: true }));
    const [pending] = (await api.get('/v1/orders/watched/events')).body.data.filter(
      ({ type }: { type: string }) => type === 'PaymentPending',
    );
    const settled = {
      orderId: body.orderId,
      reference: pending.causationId,
      authorizationId: pending.data.authorizationId,
    };
    expect((await api.webhook('payments', 'payment.authorized', settled)).status).toBe(202);
    await page.locator('.order-head .status.good').getByText('confirmed').waitFor();
    await shows('Order confirmed');
    expect(await page.evaluate(() => 'isTheSame' in globalThis)).toBe(true);
  });

  test('is asked for once, together with its events', async () => {
    const fresh = await context.newPage();
    const asked: string[] = [];
    fresh.on('request', (request) => asked.push(request.url().slice(server.address.length)));
    await fresh.goto(`${server.address}/orders/told`);
    await fresh.getByText('As it is').waitFor();
    const ofOrder = asked.filter((path) => /^\/v1\/orders\/told(\/events.*)?$/.test(path));
    expect(ofOrder).toEqual(['/v1/orders/told', '/v1/orders/told/events?after=0&limit=1000']);
    await fresh.close();
  });

  test('is seen as it was, with what changed, and with what was allowed then', async () => {
    await open('/orders/told');
    await shows('As it is');
    await page.getByRole('slider').focus();
    await page.keyboard.press('Home');
    await shows('As it was after version 1');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await shows('As it was after version 3');
    expect(new URL(page.url()).search).toBe('?v=3');
    expect(await page.locator('[data-changed]').allInnerTexts()).toEqual([
      expect.stringContaining('Authorized'),
    ]);
    await shows('What could be done at version 3');
    await page.keyboard.press('End');
    await shows('As it is');
    expect(new URL(page.url()).search).toBe('');
    const [, second] = (await api.get('/v1/orders/told/events')).body.data;
    await open(`/orders/told?at=${second.occurredAt}`);
    await shows(/As it was after version/);
    await page.locator('.why').getByText('Stock reserved').waitFor();
    await shows('the outcome of reserve, owed since version 1');
    // What was to come then, and not what is to come now.
    await page.getByRole('list', { name: 'What was to come after version 2' }).waitFor();
    await page.locator('.ahead').getByText('Authorize payment, owed').waitFor();
    await page.locator('.line .ghost.effect').waitFor();
  });

  test('shows its money and goods as they were after each version', async () => {
    const log = await told.log();
    const versionOf = (type: string) => log.indexOf(type) + 1;
    const none = { Reserved: '0', Shipped: '0', Delivered: '0', Returned: '0' };
    for (const [version, money, goods] of [
      [1, ['0.00', '0.00'], { Ordered: '2', ...none }],
      [versionOf('StockReserved'), ['0.00', '0.00'], { Ordered: '2', ...none, Reserved: '2' }],
      [versionOf('PaymentAuthorized'), ['39.98', '0.00'], { Ordered: '2', ...none, Reserved: '2' }],
      [log.length, ['39.98', '39.98'], { Ordered: '2', ...none, Shipped: '2', Delivered: '2' }],
    ] as const) {
      await open(`/orders/told?v=${version}`);
      await shows(`Version ${version} of ${log.length}`);
      expect(await bars('Money')).toEqual({ Authorized: money[0], Captured: money[1], Refunded: '0.00' });
      expect(await bars('Goods')).toEqual(goods);
    }
  });

  test('is seen by the clock, with idle time squeezed, and as it was at a time', async () => {
    const own = await context.newPage();
    const later = (time: string) => new Date(Date.parse(time) + (2 * 24 + 4) * 3_600_000).toISOString();
    // Its shipment as if it came after a weekend.
    await own.route('**/v1/orders/told/events*', async (route) => {
      const { data, ...rest } = await (await route.fetch()).json();
      const moved = data.map((event: { version: number; occurredAt: string }) =>
        event.version > 4 ? { ...event, occurredAt: later(event.occurredAt) } : event,
      );
      await route.fulfill({ json: { data: moved, ...rest } });
    });
    const confirmedAt = (await api.get('/v1/orders/told/events')).body.data[3].occurredAt;
    const nextDay = new Date(Date.parse(confirmedAt) + 24 * 3_600_000).toISOString();
    await own.goto(`${server.address}/orders/told?at=${nextDay}`);
    await own.getByText('As it was after version 4').waitFor();
    await own.getByRole('button', { name: 'By clock' }).click();
    await own.locator('.line .gap').getByText('2 d 4 h').waitFor();
    const places = await own
      .locator('.line .dot')
      .evaluateAll((dots) => dots.map((dot) => dot.getBoundingClientRect().left));
    const [first = 0, last = 0] = [places[0], places.at(-1)];
    expect(places).toEqual([...places].toSorted((a, b) => a - b));
    expect((places[4]! - places[3]!) / (last - first)).toBeLessThan(0.8);
    await own.close();
  });

  test('is proven by one click, and again by another', async () => {
    const order = await api.place({ id: 'proven' });
    await open(`/orders/${order.id}`);
    await press('Prove');
    const badge = page.locator('.proof');
    await badge.getByText('history = journal = view at version 4').waitFor();
    await badge.getByText(/^now|ago/).waitFor();
    const [{ position }] = (await api.get('/v1/orders/proven/events?after=3')).body.data;
    await until(async () => {
      await press('Again');
      await badge.getByText(`, position ${position}`).waitFor({ timeout: 2_000 });
    });
    await order.tell('notes', { text: 'one more' });
    await until(async () => {
      await press('Again');
      await badge.getByText('history = journal = view at version 5').waitFor({ timeout: 2_000 });
    });
  });

  test('says what it waits for, and so does the list of what needs a person', async () => {
    const key = 'waiting:authorize:2';
    // What the provider answers to a key that was used for something else: an error, each time.
    const used = { _id: key, orderId: 'waiting', type: 'authorize', calls: 0, request: {} } as never;
    await sandboxLedger(system.db).insertOne(used);
    await api.post('/v1/orders', orderOf({ id: 'waiting' }));
    const error = `The key ${key} was used with other parameters`;
    await open('/orders/waiting');
    const waits = page.getByRole('region', { name: 'What it waits for' });
    await waits.getByText('owed', { exact: true }).waitFor();
    await waits.getByText(/, try [2-9]\d*, again in \d+ m?s/).waitFor();
    await waits.locator('.rows .problem').getByText(error).waitFor();
    await waits
      .locator('.attention')
      .getByText(/^since .*, tried \d+ times/)
      .waitFor();
    const [row] = (await api.get('/v1/orders/waiting')).body.attention;
    const remedy = await waits.locator('.attention li').innerText();
    expect(remedy.replaceAll(/\s+/g, ' ')).toContain(row.remedy.split('npx')[0].trim());
    await page.locator('.events .ghost, .line .ghost.effect').first().waitFor();
    await page.getByRole('navigation').getByText(/^\d+$/).waitFor();
    await page.getByRole('link', { name: 'Attention' }).click();
    const listed = page.locator('main .attention li').filter({ hasText: 'waiting' });
    await listed.getByText(error).waitFor();
    await listed.locator('a.status').click();
    await page.waitForURL(`**/attention?code=${row.code}`);
    await page.getByText('Only').waitFor();
    await listed.getByRole('link', { name: 'waiting', exact: true }).click();
    await page.waitForURL('**/orders/waiting');
    await sandboxLedger(system.db).deleteOne({ _id: key });
    await page.locator('.order-head .status.good').getByText('confirmed').waitFor();
    await waits.getByText('A command.').waitFor();
  });

  test('is cancelled as its preview said, after it was seen in the timeline', async () => {
    const order = await api.place({ id: 'cancelled' });
    await open(`/orders/${order.id}`);
    await press('Cancel');
    await page.getByRole('textbox', { name: 'why' }).fill('changed their mind');
    await press('Preview');
    await shows('As it would be');
    await page.locator('.line .ghost.preview').first().waitFor();
    expect(await order.view()).toMatchObject({ status: 'confirmed', version: 4 });
    expect(await page.locator('.typed-lines code').allInnerTexts()).toEqual([
      expect.stringMatching(/^curl .*\/v1\/orders\/cancelled\/cancel .*If-Match: "4".*changed their mind/),
      `npx orders cancel cancelled --reason 'changed their mind' --if-match 4`,
    ]);
    await press('Confirm: cancel');
    await page.locator('.order-head .status').getByText('cancelled').waitFor();
    expect((await order.log()).slice(4)).toContain('OrderCancelled');
    await shows('the order is cancelled');
    expect(await page.getByRole('button', { name: 'Hold', exact: true }).isDisabled()).toBe(true);
  });

  test('is not changed by a page that is out of date', async () => {
    const order = await api.place({ id: 'stale' });
    await open(`/orders/${order.id}`);
    await press('Hold');
    await page.getByRole('textbox', { name: 'why' }).fill('looks wrong');
    await press('Preview');
    await shows('As it would be');
    await order.tell('cancel', { reason: 'meanwhile' });
    await press('Confirm: hold');
    await page
      .getByRole('alert')
      .getByText('The order has changed since you looked: nothing was done. Preview it again.')
      .waitFor();
    expect(await order.view()).toMatchObject({ status: 'cancelled', held: false });
    await shows('Not allowed any more: the order is cancelled.');
    await press('Preview');
    await shows('It is not allowed: order stale is closed: it takes no command any more');
    await press('Back');
    const { blockedCommands } = await order.view();
    for (const [name, command] of [
      ['Hold', 'hold'],
      ['Ship', 'shipments'],
      ['Refund', 'refunds'],
    ] as const) {
      const button = page.getByRole('button', { name, exact: true });
      expect(await button.isDisabled()).toBe(true);
      const why = page.locator(`[id="${await button.getAttribute('aria-describedby')}"]`);
      expect(await why.innerText()).toBe(blockedCommands[command]);
    }
  });

  test('can be read without JavaScript', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    const reader = await plain.newPage();
    await reader.goto(`${server.address}/orders/told`);
    expect(await reader.locator('article').innerText()).toMatch(/Order told[^]*completed[^]*EUR 39\.98/);
    await plain.close();
  });
});

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
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
  await page.emulateMedia({ colorScheme: null });
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

describe('the list', () => {
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
    await shows('No order is like this');
    await page.getByRole('link', { name: 'Clear' }).click();
    await until(async () => {
      const { data } = (await api.get('/v1/order-counts')).body;
      const shown = await page.getByRole('group', { name: 'Status' }).locator('a:has(small)').allInnerTexts();
      const counted = data.map(({ status, count }: { status: string; count: number }) => `${status}${count}`);
      expect(shown.map((text) => text.replaceAll(/\s/g, '')).toSorted()).toEqual(counted.toSorted());
    });
  });
});

test('a customer is shown with what was paid, and each of the orders', async () => {
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

test('stock is shown with what is free, and with its movements', async () => {
  const { id } = await api.place({ lines: [{ sku: 'SKU-9', quantity: 3, unitPrice: 100 }] });
  const [{ onHand }] = (await api.get('/v1/stock?limit=100')).body.data.filter(
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

test('an event that a view could not apply is tried again, or skipped, on the page of the system', async () => {
  /** As if the view had not been able to apply the order's first event. */
  const park = async (id: string): Promise<void> => {
    const event = await until(async () => {
      const found = await system.db.collection('order_events').findOne({ orderId: id, version: 1 });
      expect(found).toMatchObject({ position: expect.any(Number) });
      return found as unknown as PositionedEvent;
    });
    const state = await projections(system.db).findOneAndUpdate(
      { _id: 'customers' },
      { $inc: { parked: 1 } },
    );
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

describe('the page', () => {
  const paths = [
    '/orders',
    '/orders/told',
    '/orders/told?v=3',
    '/attention',
    '/system',
    '/customers/c-1',
    '/stock?sku=A-1',
    '/webhooks',
  ];

  test.each(['light', 'dark'] as const)('is accessible in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    for (const path of paths) {
      await open(path);
      await page.locator('main :is(table, [role=table], .attention, .empty)').first().waitFor();
      await expectAccessible(page);
    }
    await page.emulateMedia({ colorScheme: null });
  });

  test('fits a phone', async () => {
    await page.setViewportSize(phone);
    for (const path of paths) {
      await open(path);
      await page.locator('main :is(table, [role=table], .attention, .empty)').first().waitFor();
      await expectFits(page);
    }
  });

  test('is used by the keyboard alone', async () => {
    await open('/orders?status=completed');
    await page.getByRole('link', { name: 'told', exact: true }).waitFor();
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').innerText()).toBe('Skip to content');
    await page.keyboard.press('Enter');
    const focused = () => page.evaluate<string>('document.activeElement.textContent');
    for (let steps = 0; steps < 100 && (await focused()) !== 'told'; steps += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/orders/told');
    await shows('As it is');
    await page.keyboard.press('ArrowLeft');
    await shows(/As it was after version/);
  });

  test('lists any number of orders with few rows in the document', async () => {
    const many = await context.newPage();
    await many.addInitScript({ content: answerWithMany(await told.view()) });
    await many.goto(`${server.address}/orders`);
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

test('with AUTH=on the page signs in, and has only the buttons that its reader may use', async () => {
  const guarded = await system.start('read', { AUTH: 'on', CURSOR_SECRET: 'a-secret-of-the-tests' });
  const { key } = await addKey(system.db, { client: 'desk', scopes: ['orders:read', 'events:read'] });
  const own = await browser.newContext({ viewport: desktop });
  const reader = await own.newPage();
  await reader.goto(`${guarded.address}/orders/told`);
  await reader.getByLabel('API key').fill('ordk_wrong');
  await reader.getByRole('button', { name: 'Sign in' }).click();
  await reader.getByRole('alert').getByText(/key/).waitFor();
  await reader.getByLabel('API key').fill(key);
  await reader.getByRole('button', { name: 'Sign in' }).click();
  await reader.getByText('key:desk').waitFor();
  await reader.getByText('As it is').waitFor();
  await reader.getByText('(not for this key)').first().waitFor();
  expect(await reader.locator('.commands button').count()).toBe(0);
  expect(await reader.getByRole('link', { name: 'Webhooks' }).count()).toBe(0);
  expect(await reader.evaluate('document.cookie')).toBe('');
  await own.close();
  await guarded.stop();
});

describe('an outage', () => {
  test('of the API is said, and over by itself', async () => {
    await open('/orders/told');
    await shows('live');
    const { port } = new URL(server.address);
    await server.kill();
    await banner().getByText('The API does not answer').waitFor();
    await shows('connecting');
    expect(await page.locator('.order-head').innerText()).toContain('told');
    server = await startServer(port);
    await banner().waitFor({ state: 'hidden' });
    await told.tell('notes', { text: 'after the outage' });
    await shows('after the outage');
  });

  test('of MongoDB leaves an order to be read, and is over by itself', async () => {
    await mongodb.stop();
    await open('/orders/told');
    await page
      .locator('.order-head')
      .getByText(/read from its (workflow|history)/)
      .waitFor();
    await page.locator('.events').getByText('Order completed').waitFor();
    await banner().getByText('it is tried again by itself').waitFor();
    await mongodb.revive();
    await banner().waitFor({ state: 'hidden', timeout: 60_000 });
    await until(async () => {
      await page.reload();
      expect(await page.locator('.order-head').innerText()).not.toContain('read from');
    });
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
