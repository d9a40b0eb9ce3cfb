import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { addKey } from '../../src/access/keys.js';
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

describe('an order', () => {
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
      .getByText(/has changed|not allowed/)
      .waitFor();
    expect(await order.view()).toMatchObject({ status: 'cancelled', held: false });
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
