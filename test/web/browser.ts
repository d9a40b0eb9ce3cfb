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

/** Fails if axe finds anything in the page as it is. */
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
