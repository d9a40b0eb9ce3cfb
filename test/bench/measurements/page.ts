import { chromium, type Page } from 'playwright-core';
import { findBrowser } from '../../support/browser.mjs';
import type { Bench, Measurement } from '../harness/bench.js';
import { askFor } from '../harness/http-connection.js';
import { interleave, percentiles, rate } from '../harness/interleave.js';
import { type Judged, single } from '../harness/result.js';

const CONNECTIONS = 20;
/** The W3C's Long Tasks API reports the tasks of a page that take longer than this. */
const LONG_TASK_MS = 50;

/**
 * Measures the page in a browser: how soon an order is visible, and whether scrolling the list is
 * smooth.
 */
export const page: Measurement = {
  name: 'page',
  needsDataset: true,
  async run(bench) {
    const address = await bench.product();
    const executablePath = await findBrowser(bench.note);
    const browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
    bench.atEnd(() => browser.close());
    const tab = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    return [
      await painting(bench, tab, address),
      await scrolling(bench, tab, address),
      await answering(bench, address),
    ];
  },
};

/** Measures from the end of the HTML until the frame after the one that shows the order. */
const noticeOrder = `globalThis.seen = new Promise((resolve) => {
  const look = () => {
    if (document.querySelector('.order-head') === null) return requestAnimationFrame(look);
    const [{ responseEnd }] = performance.getEntriesByType('navigation');
    requestAnimationFrame(() => resolve(performance.now() - responseEnd));
  };
  look();
});`;

async function painting(bench: Bench, tab: Page, address: string): Promise<Judged> {
  bench.note('opening orders');
  await tab.addInitScript({ content: noticeOrder });
  const times: number[] = [];
  for (const orderId of bench.dataset().orderIds.slice(0, bench.pick(60, 10))) {
    await tab.goto(`${address}/orders/${orderId}`);
    times.push(await tab.evaluate<number>('globalThis.seen'));
  }
  // The first load fills the browser's cache.
  return percentiles('page.paint', times.slice(1), 0.5, { goal: { of: 'value', is: '≤', limit: 200 } });
}

/** @returns the duration of the longest long task, in milliseconds; 0 if there was none */
const scroll = (frames: number) => `(async () => {
  const tasks = [];
  const note = (list) => tasks.push(...list.getEntries().map(({ duration }) => duration));
  const observer = new PerformanceObserver(note);
  observer.observe({ type: 'longtask' });
  const list = document.querySelector('.orders-scroller');
  for (let frame = 0; frame < ${frames}; frame += 1) {
    list.scrollTop += 500;
    await new Promise(requestAnimationFrame);
  }
  note({ getEntries: () => observer.takeRecords() });
  observer.disconnect();
  return Math.max(0, ...tasks);
})()`;

async function scrolling(bench: Bench, tab: Page, address: string): Promise<Judged> {
  bench.note('scrolling the list');
  await tab.goto(`${address}/orders`);
  await tab.locator('.orders-space [role=row]').first().waitFor();
  const longest = await tab.evaluate<number>(scroll(bench.pick(1_200, 200)));
  return single('page.scroll', longest, 'ms', { goal: { of: 'value', is: '≤', limit: LONG_TASK_MS } });
}

/** Measures the page of an order, which contains the order. The baseline is the order alone. */
async function answering(bench: Bench, address: string): Promise<Judged> {
  const opened = await bench.connect(address, CONNECTIONS);
  const { orderIds } = bench.dataset();
  const ms = bench.pick(4_000, 500);
  const asking = (path: string) => () =>
    askFor({
      connections: opened,
      ms,
      path: () => `${path}/${orderIds[Math.floor(Math.random() * orderIds.length)]}`,
    });
  const measured = await interleave(
    { product: asking('/orders'), baseline: asking('/v1/orders') },
    bench.pick(5, 2),
    bench.note,
  );
  return rate('page.answer', 'requests/s', measured, { of: 'ratio', is: '≥', limit: 0.5 });
}
