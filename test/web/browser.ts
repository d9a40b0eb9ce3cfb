import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findBrowser } from '../support/browser.mjs';

export const desktop = { width: 1440, height: 900 };
export const phone = { width: 390, height: 844 };

export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: await findBrowser(() => undefined),
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Fails if axe finds a problem in the page. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    // The script above has set it.
    const { axe: rules } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    const { violations } = await rules.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`);
  });
  expect({ url: page.url(), found }).toEqual({ url: page.url(), found: [] });
}

/** `expectAccessible` in the light and the dark theme. */
export async function expectAccessibleInBothThemes(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
  await page.emulateMedia({ colorScheme: null });
}

/** A script for `addInitScript`: notes layout shifts that the reader did not cause. */
export const noteShifts = `
  globalThis.shifts = [];
  const note = (entries) => {
    for (const { sources, hadRecentInput } of entries)
      if (!hadRecentInput) shifts.push(...sources.map(({ node }) => (node?.parentElement ?? node)?.outerHTML));
  };
  const observer = new PerformanceObserver((list) => note(list.getEntries()));
  observer.observe({ type: 'layout-shift', buffered: true });
  globalThis.allShifts = async () => {
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    note(observer.takeRecords());
    return shifts;
  };`;

/** The HTML of what has moved since the page was opened. */
export async function movedIn(page: Page): Promise<readonly string[]> {
  return await page.evaluate<string[]>('allShifts()');
}

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Fails if the page is wider than its window. */
export async function expectFits(page: Page): Promise<void> {
  const element = 'document.documentElement';
  const beyond = await page.evaluate<number>(`${element}.scrollWidth - ${element}.clientWidth`);
  expect({ url: page.url(), beyond }).toEqual({ url: page.url(), beyond: 0 });
}
