import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { type BreakableServer, breakableMongodb } from '../support/breakable-server.js';
import { type Api } from '../support/orders-over-http.js';
import { until } from '../support/until.js';
import { desktop, expectAccessibleInBothThemes, expectFits, movedIn, noteShifts, phone } from './browser.js';
import { openSite, placeDelivered, type Site } from './site.js';

let mongodb: BreakableServer;
let site: Site;
let api: Api;
let page: Page;

beforeAll(async () => {
  mongodb = await breakableMongodb();
  site = await openSite({ mongodb: mongodb.address });
  ({ api, page } = site);
}, 120_000);
afterAll(async () => {
  await site?.close();
  await mongodb?.end();
}, 60_000);

const open = async (path: string) => await site.open(path);
const banner = (of = page) => of.locator('.banner');

describe('while there is no data', () => {
  test.each([
    ['/orders', 'No orders yet'],
    ['/attention', 'Nothing needs an operator'],
    ['/stock', 'No stock has moved yet'],
    ['/system', 'Nothing in thirty days'],
    ['/webhooks', 'Nothing is delivered yet'],
    ['/customers/nobody', 'There is no order of a customer nobody'],
    ['/orders/nothing', 'There is no order nothing'],
  ])('%s says so', async (path, text) => {
    await open(path);
    await page.locator('main').getByText(text).waitFor();
    await expectFits(page);
    await expectAccessibleInBothThemes(page);
  });

  test('a first order that is placed is not hidden by another one that comes meanwhile', async () => {
    await open('/orders');
    await page.getByRole('form', { name: 'A new order' }).getByLabel('SKU').fill('MY-1');
    await api.place({ id: 'another' });
    await page.getByRole('button', { name: '1 new order: show' }).waitFor();
    expect(await page.getByLabel('SKU').inputValue()).toBe('MY-1');
    await page.getByRole('button', { name: '1 new order: show' }).click();
    await page.getByRole('link', { name: 'another', exact: true }).waitFor();
  });
});

describe('each page', () => {
  beforeAll(async () => {
    await placeDelivered(api, 'seen');
  }, 60_000);

  test.each([
    ['/orders', '.orders-space [role=row]'],
    ['/orders/seen', '.proof .status.good'],
    ['/attention', '.empty'],
    ['/system', '.charts canvas'],
    ['/customers/c-1', 'table.plain'],
    ['/stock?sku=A-1', '.panel table.plain'],
    ['/webhooks', '.empty'],
  ])('%s says that it is loading, that it fails, and that it is offline', async (path, content) => {
    const own = await site.browser.newContext({ viewport: desktop });
    const reader = await own.newPage();
    await reader.addInitScript({ content: noteShifts });
    let answers: 'silent' | 'failing' | 'well' = 'silent';
    const spoken: (() => void)[] = [];
    await reader.route(/\/(v1\/|health\/ready)/, async (route) => {
      if (answers === 'silent') await new Promise<void>((resolve) => spoken.push(resolve));
      if (answers === 'well') return await route.continue();
      const json = { status: 503, code: 'mongodb_unavailable', detail: 'MongoDB does not answer' };
      return await route.fulfill({ status: 503, json });
    });
    await reader.goto(`${site.server.address}${path}`);
    await reader.locator('main [aria-busy]').first().waitFor();
    answers = 'failing';
    for (const speak of spoken) speak();
    await reader.locator('main').getByText('The page tries again by itself.').first().waitFor();
    await banner(reader)
      .getByText('MongoDB does not answer. What you see may be old; the page tries again')
      .waitFor();
    answers = 'well';
    await reader.locator(content).first().waitFor();
    await banner(reader).waitFor({ state: 'hidden' });
    await own.setOffline(true);
    await banner(reader).getByText('This browser is offline. What you see may be old').waitFor();
    await reader.locator(content).first().waitFor();
    await own.setOffline(false);
    await banner(reader).waitFor({ state: 'hidden' });
    await own.close();
  });

  test.each([
    ['/orders', '.orders-space [role=row]'],
    ['/orders/seen', '.proof .status.good'],
    ['/orders/seen?v=3', '.proof .status.good'],
    ['/system', '.charts canvas'],
    ['/customers/c-1', 'table.plain'],
    ['/stock?sku=A-1', '.panel table.plain'],
  ])('%s moves nothing while its data arrives', async (path, content) => {
    for (const viewport of [desktop, phone]) {
      for (let isRefused = true; isRefused;) {
        isRefused = false;
        const own = await site.browser.newContext({ viewport });
        const reader = await own.newPage();
        // A busy machine may refuse a list. Then its problem is shown first, which moves the
        // content.
        reader.on('response', (response) => (isRefused ||= response.status() === 503));
        await reader.addInitScript({ content: noteShifts });
        await reader.goto(`${site.server.address}${path}`);
        await reader.locator(content).first().waitFor();
        const moved = await movedIn(reader);
        if (!isRefused) expect(moved).toEqual([]);
        await own.close();
      }
    }
  });
});

describe('an outage', () => {
  test('of the API is shown, also by a page that was not loaded yet, and its end is noticed', async () => {
    const own = await site.browser.newContext({ viewport: desktop });
    const [reader, other] = [await own.newPage(), await own.newPage()];
    for (const one of [reader, other]) {
      await one.goto(`${site.server.address}/orders/seen`);
      await one.getByText('live', { exact: true }).waitFor();
    }
    await site.server.kill();
    await banner(reader).getByText('The API does not answer').waitFor();
    await reader.getByText('connecting', { exact: true }).waitFor();
    expect(await reader.locator('.order-head').innerText()).toContain('seen');
    await other.getByRole('link', { name: 'System' }).click();
    await other.getByText('This page could not be loaded').waitFor();
    await site.restart();
    await banner(reader).waitFor({ state: 'hidden' });
    await api.order('seen').tell('notes', { text: 'after the outage' });
    await reader.getByText('after the outage').first().waitFor();
    await other.getByText('Events and views').waitFor();
    await own.close();
  });

  test('of MongoDB leaves orders readable, and its end is noticed', async () => {
    await mongodb.stop();
    await open('/orders/seen');
    await page
      .locator('.order-head')
      .getByText(/read from its (workflow|history)/)
      .waitFor();
    await page.locator('.events').getByText('Order completed').waitFor();
    await banner().getByText('the page tries again by itself').waitFor();
    await mongodb.revive();
    await banner().waitFor({ state: 'hidden', timeout: 60_000 });
    await until(async () => {
      await page.reload();
      expect(await page.locator('.order-head').innerText()).not.toContain('read from');
    });
  });
});
