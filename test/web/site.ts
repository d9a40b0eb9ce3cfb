import { expect } from '@jest/globals';
import { type Browser, type BrowserContext, type Page } from 'playwright-core';
import type { Reply } from '../support/api.js';
import { type Api, apiAt, byDhl, type PlacedOrder } from '../support/orders-over-http.js';
import type { RoleProcess } from '../support/role-process.js';
import { createSystem, type ServerAddresses, type System } from '../support/system.js';
import { until } from '../support/until.js';
import { desktop, openBrowser } from './browser.js';

/** A separate system, and its page in a browser. */
export interface Site {
  readonly system: System;
  /** the process that serves the page; after `restart` it has the same address */
  readonly server: RoleProcess;
  readonly api: Api;
  readonly browser: Browser;
  readonly context: BrowserContext;
  readonly page: Page;
  open(path: string): Promise<void>;
  /** Waits until the page has the text. */
  shows(text: string | RegExp): Promise<void>;
  /** Clicks the button with this name. */
  press(name: string): Promise<void>;
  /** Reads from the API; repeats the request while a busy machine answers 503. */
  read(path: string): Promise<Reply['body']>;
  /** Starts the server again, at its address. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** The receiver of the tests is on the loopback address. */
const anyReceiver = { WEBHOOKS_ALLOW_PRIVATE: 'on' };
const TEMPORAL_UI_URL = 'https://temporal.example';

export async function openSite(servers: ServerAddresses = {}): Promise<Site> {
  const opening = openBrowser();
  const system = createSystem(servers);
  const start = (port: string) =>
    system.start('write,read', {
      HTTP_PORT: port,
      ATTENTION_AFTER: '1s',
      TEMPORAL_UI_URL,
      ...anyReceiver,
    });
  const [first, browser] = await Promise.all([start('0'), opening, system.start('worker,feed', anyReceiver)]);
  const { address } = first;
  const api = apiAt(address);
  let server = first;
  const context = await browser.newContext({ viewport: desktop });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  return {
    system,
    get server() {
      return server;
    },
    api,
    browser,
    context,
    page,
    async open(path) {
      await page.goto(`${address}${path}`);
    },
    shows: async (text) => await page.getByText(text).first().waitFor(),
    press: async (name) => await page.getByRole('button', { name, exact: true }).click(),
    read: async (path) =>
      await until(async () => {
        const { status, body } = await api.get(path);
        expect(status).toBe(200);
        return body;
      }),
    async restart() {
      server = await start(new URL(address).port);
    },
    async close() {
      await browser.close();
      await system.end();
    },
  };
}

/**
 * An order that was shipped and delivered.
 *
 * @param id an id that no other test uses, because all share one Temporal
 */
export async function placeDelivered(api: Api, id: string): Promise<PlacedOrder> {
  const order = await api.place({ id });
  const { body } = await order.tell('shipments');
  await order.tell(`shipments/${body.shipmentId}/dispatch`, byDhl);
  await order.tell(`shipments/${body.shipmentId}/deliver`);
  return order;
}
