import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import type { BookRequest } from '../../src/effects/carriers/port.js';
import { loadProviders } from '../../src/effects/provider-modules.js';
import { readConfig } from '../../src/server/config.js';
import { ConfigError } from '../../src/server/config/variables.js';

const folder = mkdtempSync(join(tmpdir(), 'orders-provider-'));
afterAll(() => rmSync(folder, { recursive: true }));

const whole = ['reserve', 'release', 'deduct', 'restock', 'lookUp'].map(
  (name) => `export function ${name}() {}`,
);

function moduleOf(name: string, ...lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.join('\n'));
  return path;
}

test('providers are built in, unless a variable names a module', async () => {
  expect(await loadProviders(readConfig({}))).toEqual({});
  const named = { PAYMENTS: 'sandbox', INVENTORY: 'sandbox', CARRIERS: 'sandbox' };
  expect(await loadProviders(readConfig(named))).toEqual({});
});

test('carriers can be a module too', async () => {
  const exported = ['book', 'lookUp', 'track'].map((name) => `export function ${name}() {}`);
  const path = moduleOf('carriers.mjs', ...exported, 'export const limits = { concurrency: 3 };');
  const { carriers } = await loadProviders(readConfig({ CARRIERS: path }));
  expect(carriers).toMatchObject({
    name: `carriers (${path})`,
    limits: { concurrency: 3, timeoutMs: 5_000 },
  });
  const part = moduleOf('untracked.mjs', ...exported.slice(0, 2));
  await expect(loadProviders(readConfig({ CARRIERS: part }))).rejects.toThrow(
    `CARRIERS=${part} cannot be used: it does not export track; expected sandbox, or the path of a module that exports the functions book, lookUp, track.`,
  );
});

test('if other providers are real, no label is booked in the sandbox: it is refused', async () => {
  const { providers } = readConfig({});
  const { carriers } = await loadProviders({ providers, sandbox: false });
  const options = { signal: new AbortController().signal };
  const request = { key: 'o-1:book:9' } as BookRequest;
  expect(await carriers?.port.book(request, options)).toEqual({ type: 'refused', code: 'no_carriers' });
  // A retried step looks its key up first, and has to end as well.
  expect(await carriers?.port.lookUp('o-1:book:9', options)).toEqual({ type: 'none' });
  expect(await carriers?.port.track({ carrier: 'DHL', trackingNumber: '1' }, options)).toEqual({
    type: 'unknown',
  });
});

test('a module exports the port and its limits', async () => {
  const path = moduleOf('whole.mjs', ...whole, 'export const limits = { perSecond: 5, timeoutMs: 900 };');
  const { inventory, payments } = await loadProviders(readConfig({ INVENTORY: path }));
  expect(payments).toBeUndefined();
  expect(inventory).toMatchObject({
    name: `inventory (${path})`,
    limits: { concurrency: 50, perSecond: 5, timeoutMs: 900 },
  });
  expect(typeof inventory?.port.lookUp).toBe('function');
});

test.each([
  ['there is no file', join(folder, 'missing.mjs')],
  ['there is no file', folder],
  ['it does not load: no account', moduleOf('throws.mjs', "throw new Error('no account');")],
  ['it does not export restock, lookUp', moduleOf('part.mjs', ...whole.slice(0, 3))],
  ['it does not export reserve, release', moduleOf('default.mjs', 'export default {};')],
  [
    'there is no limit concurency',
    moduleOf('typo.mjs', ...whole, 'export const limits = { concurency: 5 };'),
  ],
  [
    'its limit timeoutMs is not a number from 100 to 7000',
    moduleOf('late.mjs', ...whole, 'export const limits = { timeoutMs: 7_001 };'),
  ],
  ['its `limits` is not an object', moduleOf('limits.mjs', ...whole, 'export const limits = 5;')],
])('a module is refused because %s', async (problem, path) => {
  const loading = loadProviders(readConfig({ INVENTORY: path }));
  await expect(loading).rejects.toThrow(ConfigError);
  await expect(loading).rejects.toThrow(`INVENTORY=${path} cannot be used: ${problem}`);
  await expect(loading).rejects.toThrow(
    'expected sandbox, or the path of a module that exports the functions reserve, release, deduct, restock, lookUp.',
  );
});
