import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { addKey } from '../../src/access/api-keys.js';
import { sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { type Api, orderBody, paidWith, type PlacedOrder } from '../support/orders-over-http.js';
import type { System } from '../support/system.js';
import { until } from '../support/until.js';
import { desktop, expectAccessibleInBothThemes } from './browser.js';
import { openSite, placeDelivered, type Site } from './site.js';

let site: Site;
let system: System;
let api: Api;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** An order that was shipped and delivered. */
let delivered: PlacedOrder;

beforeAll(async () => {
  site = await openSite();
  ({ system, api, browser, context, page } = site);
  delivered = await placeDelivered(api, 'delivered');
}, 120_000);
afterAll(() => site?.close(), 60_000);

const open = async (path: string) => await site.open(path);
const shows = async (text: string | RegExp) => await site.shows(text);
const press = async (name: string) => await site.press(name);
const read = async (path: string) => await site.read(path);
/** The numbers beside the bars of money or goods, by the names of the bars. */
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
  test('is placed on the page, which then shows it as confirmed', async () => {
    await open('/orders');
    await press('New order');
    const form = page.getByRole('form', { name: 'A new order' });
    await form.getByLabel('SKU').fill('B-7');
    await form.getByLabel('Units').fill('3');
    await form.getByLabel('Price in EUR').fill('five');
    await press('Place order');
    await form.getByRole('alert').getByText('Enter a price').waitFor();
    await form.getByLabel('Price in EUR').fill('5.00');
    await form.getByLabel('The payment').selectOption('is authorized after 2 s');
    expect(await form.locator('.typed-lines code').allInnerTexts()).toEqual([
      expect.stringMatching(/^curl .*\/v1\/orders .*"sku":"B-7","quantity":3,"unitPrice":500.*tok_slow/),
      'npx orders create --line B-7:3:500 --payment tok_slow',
    ]);
    await expectAccessibleInBothThemes(page);
    await press('Place order');
    await page.waitForURL(/\/orders\/[^/?]+$/);
    await page.locator('.order-head .status.good').getByText('confirmed').waitFor();
    await page.locator('.order-head').getByText('EUR 15.00').waitFor();
  });

  test('shows as confirmed without a reload', async () => {
    const { body } = await api.post('/v1/orders', {
      body: orderBody({ id: 'watched', ...paidWith('tok_pending') }),
    });
    await open(`/orders/${body.orderId}`);
    await shows('Payment pending');
    await page.locator('.order-head .status.busy').getByText('pending').waitFor();
    await page.evaluate(() => Object.assign(globalThis, { isTheSame: true }));
    const [pending] = (await read('/v1/orders/watched/events')).data.filter(
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

  test('is requested once, together with its events', async () => {
    const fresh = await context.newPage();
    const asked: string[] = [];
    fresh.on('request', (request) => asked.push(request.url().slice(site.server.address.length)));
    await fresh.goto(`${site.server.address}/orders/delivered`);
    await fresh.getByText('As it is').waitFor();
    const ofOrder = asked.filter((path) => /^\/v1\/orders\/delivered(\/events.*)?$/.test(path));
    expect(ofOrder).toEqual(['/v1/orders/delivered', '/v1/orders/delivered/events?after=0&limit=1000']);
    await fresh.close();
  });

  test('can be seen as it was, with the changes and what was allowed then', async () => {
    await open('/orders/delivered');
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
    const [, second] = (await read('/v1/orders/delivered/events')).data;
    await open(`/orders/delivered?at=${second.occurredAt}`);
    await shows(/As it was after version/);
    await page.locator('.why').getByText('Stock reserved').waitFor();
    await shows('the outcome of reserve, owed since version 1');
    const inTemporal = page.locator('.why').getByRole('link', { name: 'Its workflow in Temporal' });
    expect(await inTemporal.getAttribute('href')).toMatch(
      /^https:\/\/temporal\.example\/namespaces\/default\/workflows\/[^/]*delivered\/[^/]+\/history$/,
    );
    // The events that were expected then, not those that are expected now.
    await page.getByRole('list', { name: 'What was to come after version 2' }).waitFor();
    await page.locator('.ahead').getByText('Authorize payment, owed').waitFor();
    await page.locator('.line .expected.effect').waitFor();
  });

  test('does not move under the pointer while events arrive', async () => {
    const order = await api.place({ id: 'pointed-at' });
    await open(`/orders/${order.id}`);
    const dots = page.locator('.line .dot');
    const places = async () =>
      await dots.evaluateAll((all) => all.map((dot) => dot.getBoundingClientRect().left));
    await page.getByText('live', { exact: true }).waitFor();
    const line = page.locator('.line');
    await line.hover();
    const before = await places();
    await order.tell('notes', { text: 'rings twice' });
    await shows('rings twice');
    expect(await places()).toEqual(before);
    await page.mouse.move(0, 0);
    await dots.nth(before.length).waitFor();
    expect((await places())[0]).toBe(before[0]);
    expect((await places())[1]).toBeLessThan(before[1] ?? 0);
  });

  test('shows its future after now, with expected events and times', async () => {
    const ahead = page.getByRole('list', { name: 'What is to come' });
    const { deadlines: closing } = await read('/v1/orders/delivered/next');
    expect(closing).toEqual([{ what: 'return-window', at: expect.any(String) }]);
    await open('/orders/delivered');
    await ahead.getByText('Return window closes').waitFor();
    expect(await ahead.locator('time').getAttribute('datetime')).toBe(closing[0].at);
    await page
      .locator('.line .expected.deadline small')
      .getByText(/^Return window closes \w{3} \d+ \w{3} \d\d:\d\d$/)
      .waitFor();
    const { id } = await api.place({ id: 'expiring' });
    const { deadlines: expiring } = await read(`/v1/orders/${id}/next`);
    expect(expiring).toEqual([{ what: 'authorization-expiry', at: expect.any(String) }]);
    await open(`/orders/${id}`);
    await ahead.getByText('Authorization expires').waitFor();
    await ahead.getByText(/^in 6 d 23 h$/).waitFor();
    expect(await ahead.locator('time').getAttribute('datetime')).toBe(expiring[0].at);
    // The expected event is to the right of the present, which is to the right of the last event.
    const left = async (what: string) => (await page.locator(`.line ${what}`).last().boundingBox())!.x;
    expect(await left('.dot')).toBeLessThan(await left('.now'));
    expect(await left('.now')).toBeLessThan(await left('.expected'));
  });

  test('shows its money and goods after each version', async () => {
    const log = await delivered.log();
    const versionOf = (type: string) => log.indexOf(type) + 1;
    const none = { Reserved: '0', Shipped: '0', Delivered: '0', Returned: '0' };
    for (const [version, money, goods] of [
      [1, ['0.00', '0.00'], { Ordered: '2', ...none }],
      [versionOf('StockReserved'), ['0.00', '0.00'], { Ordered: '2', ...none, Reserved: '2' }],
      [versionOf('PaymentAuthorized'), ['39.98', '0.00'], { Ordered: '2', ...none, Reserved: '2' }],
      [log.length, ['39.98', '39.98'], { Ordered: '2', ...none, Shipped: '2', Delivered: '2' }],
    ] as const) {
      await open(`/orders/delivered?v=${version}`);
      await shows(`Version ${version} of ${log.length}`);
      expect(await bars('Money')).toEqual({ Authorized: money[0], Captured: money[1], Refunded: '0.00' });
      expect(await bars('Goods')).toEqual(goods);
    }
  });

  test('can be seen along the clock, with idle time compressed, and as it was at a time', async () => {
    const own = await context.newPage();
    const later = (time: string) => new Date(Date.parse(time) + (2 * 24 + 4) * 3_600_000).toISOString();
    // Shifts the shipment's events by a weekend.
    await own.route('**/v1/orders/delivered/events*', async (route) => {
      const { data, ...rest } = await (await route.fetch()).json();
      const moved = data.map((event: { version: number; occurredAt: string }) =>
        event.version > 4 ? { ...event, occurredAt: later(event.occurredAt) } : event,
      );
      await route.fulfill({ json: { data: moved, ...rest } });
    });
    const confirmedAt = (await read('/v1/orders/delivered/events')).data[3].occurredAt;
    const nextDay = new Date(Date.parse(confirmedAt) + 24 * 3_600_000).toISOString();
    await own.goto(`${site.server.address}/orders/delivered?at=${nextDay}`);
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

  test('is proved once when its page opens, and again by each click', async () => {
    const order = await api.place({ id: 'proven' });
    const position = await until(async () => {
      const { body } = await api.get('/v1/orders/proven/proof');
      expect(body).toMatchObject({ agrees: true, version: 4, position: expect.any(Number) });
      return body.position;
    });
    const own = await context.newPage();
    const asked: string[] = [];
    own.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await own.goto(`${site.server.address}/orders/${order.id}`);
    const badge = own.locator('.proof');
    const agrees = badge.getByText('history = journal = view');
    await agrees.and(own.locator('.good')).waitFor();
    await badge.getByText(`version 4, position ${position}, `).waitFor();
    await badge.getByText(/^now$|ago$/).waitFor();
    await order.tell('notes', { text: 'one more' });
    await own.getByText('one more').first().waitFor();
    // The badge shows the earlier proof, and that it is not about the current version.
    await agrees.and(own.locator('.plain')).waitFor();
    expect(asked.filter((path) => path.endsWith('/proof'))).toHaveLength(1);
    await badge.getByRole('button', { name: 'Check again' }).click();
    await badge.getByText('version 5, position').waitFor();
    await agrees.and(own.locator('.good')).waitFor();
    await own.close();
  });

  test('is proved by a click only if its history is long', async () => {
    const own = await context.newPage();
    const asked: string[] = [];
    own.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await own.route('**/v1/orders/delivered', async (route) => {
      const order = await (await route.fetch()).json();
      await route.fulfill({ json: { ...order, version: 1_001 } });
    });
    await own.goto(`${site.server.address}/orders/delivered`);
    const badge = own.locator('.proof');
    await badge.getByText('not checked yet').waitFor();
    await own.locator('.line .expected.deadline').waitFor();
    await badge.getByRole('button', { name: 'Check again' }).click();
    await badge.getByText('history = journal = view').waitFor();
    expect(asked.filter((path) => path.endsWith('/proof'))).toHaveLength(1);
    await own.close();
  });

  test('shows the differences between its copies, and remedies', async () => {
    const order = await api.place({ id: 'differing' });
    const event = { orderId: order.id, version: 4 };
    const journal = system.db.collection('order_events');
    const [entry] = await journal.find(event).toArray();
    await journal.updateOne(event, { $set: { actor: 'nobody' } });
    await open(`/orders/${order.id}`);
    await page
      .locator('.proof .bad')
      .getByText(/^\d+ differences?$/)
      .waitFor();
    const [{ where, detail }] = (await read(`/v1/orders/${order.id}/proof`)).differences;
    await page.locator('.differences').getByText(`${where} ${detail}`).waitFor();
    await journal.updateOne(event, { $set: { actor: entry!['actor'] } });
    await press('Check again');
    await page.locator('.proof .good').waitFor();
    await page.locator('.differences').waitFor({ state: 'detached' });
  });

  test('shows what it waits for, and so does the list of what needs an operator', async () => {
    const key = 'waiting:authorize:2';
    // The key was used for another request, so the provider answers each attempt with an error.
    const used = { _id: key, orderId: 'waiting', type: 'authorize', calls: 0, request: {} } as never;
    await sandboxLedger(system.db).insertOne(used);
    await api.post('/v1/orders', { body: orderBody({ id: 'waiting' }) });
    const error = `The key ${key} was used with other parameters`;
    await open('/orders/waiting');
    const waits = page.getByRole('region', { name: 'What it waits for' });
    await waits.getByText('owed', { exact: true }).waitFor();
    await waits.getByText(/, try [2-9]\d*, again (in \d+ s|now)/).waitFor();
    const inShort = page.locator('.waits-in-short');
    await inShort.getByText(/Owes authorize EUR 39\.98, try \d+, again (in \d+ s|now)/).waitFor();
    // The next attempt is to the right of the present, on the timeline and in the list.
    const again = /^Authorize payment, tried again (in \d+ s|now)$/;
    await page.locator('.line .expected.effect small').getByText(again).waitFor();
    await page
      .getByRole('list', { name: 'What is to come' })
      .getByText('Authorize payment, tried again')
      .waitFor();
    await waits.locator('.rows .problem').getByText(error).waitFor();
    await waits
      .locator('.attention')
      .getByText(/^since .*, attempt \d+/)
      .waitFor();
    const [row] = (await read('/v1/orders/waiting')).attention;
    const remedy = await waits.locator('.attention li').innerText();
    expect(remedy.replaceAll(/\s+/g, ' ').toLowerCase()).toContain(
      row.remedy.split('npx')[0].trim().toLowerCase(),
    );
    await inShort.getByRole('link', { name: 'needs an operator' }).click();
    expect(new URL(page.url()).hash).toBe('#waits');
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
    await waits.getByText('Waits for a command.').waitFor();
  });

  test('is cancelled as its preview showed, after it was seen in the timeline', async () => {
    const order = await api.place({ id: 'cancelled' });
    await open(`/orders/${order.id}`);
    await press('Cancel');
    await page.getByRole('textbox', { name: 'why' }).fill('changed their mind');
    await press('Preview');
    await shows('As it would be');
    await page.locator('.line .expected.preview').first().waitFor();
    await expectAccessibleInBothThemes(page);
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

  test('gets a label for a shipment, prints it, and dispatches with it', async () => {
    const order = await api.place({ id: 'labelled' });
    await order.tell('shipments');
    await open('/orders/labelled');
    await press('Label s1');
    await page.getByLabel('who carries it; by default, the provider chooses').fill('DHL');
    await press('Preview');
    await press('Confirm: label s1');
    await shows(/label booked: DHL SP\d+/);
    const link = page.getByRole('link', { name: 'Print' });
    expect(await link.getAttribute('href')).toMatch(/^https:\/\/labels\.example\/SP\d+\.pdf$/);
    expect(await link.getAttribute('rel')).toBe('noreferrer');
    await expectAccessibleInBothThemes(page);
    await press('Dispatch s1');
    await press('Preview');
    await press('Confirm: dispatch s1');
    const [shipment] = (await order.becomes({ shipments: [{ status: 'dispatched' }] })).shipments;
    expect(shipment).toMatchObject({ carrier: 'DHL', trackingNumber: expect.stringMatching(/^SP/) });
  });

  test('is not changed by an outdated page', async () => {
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
      .getByText('The order has changed since you looked: nothing was done. Preview the command again.')
      .waitFor();
    expect(await order.view()).toMatchObject({ status: 'cancelled', held: false });
    await shows('Not allowed any more: the order is cancelled.');
    await press('Preview');
    await shows('The command is not allowed: order stale is closed: it takes no command any more');
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
    await reader.goto(`${site.server.address}/orders/delivered`);
    expect(await reader.locator('article').innerText()).toMatch(/Order delivered[^]*completed[^]*EUR 39\.98/);
    await plain.close();
  });
});

test('with AUTH=on the page signs in, and shows only the buttons that its reader may use', async () => {
  const guarded = await system.start('read', { AUTH: 'on', CURSOR_SECRET: 'a-secret-of-the-tests' });
  const { key } = await addKey(system.db, { client: 'desk', scopes: ['orders:read', 'events:read'] });
  const own = await browser.newContext({ viewport: desktop });
  const reader = await own.newPage();
  await reader.goto(`${guarded.address}/orders/delivered`);
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
