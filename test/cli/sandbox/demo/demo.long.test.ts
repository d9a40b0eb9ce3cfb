import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const LIMIT_MS = 300_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orders-test-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function demo(...args: readonly string[]) {
  const child = spawn(process.execPath, [join('src', 'cli', 'orders.mjs'), 'demo', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A server of the caller, which the demo must leave alone.
    env: {
      ...process.env,
      TMPDIR: folder,
      MONGODB_URI: 'mongodb://127.0.0.1:1',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    },
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (out += text));
  return { child, ended: once(child, 'close').then(([code]: unknown[]) => ({ code, out })) };
}

async function leftovers(): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('orders-demo-'));
}

test(
  'the demo kills a worker and stops MongoDB; all orders end well, and nothing is left over',
  async () => {
    const { code, out } = await demo('--json').ended;
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^\{/) });
    const { orders, scorecard } = JSON.parse(out) as {
      orders: { title: string; status: string }[];
      scorecard: Record<string, Record<string, Record<string, number>>>;
    };
    expect(orders.slice(0, 6)).toMatchObject([
      { status: 'completed' },
      { status: 'rejected' },
      { status: 'rejected' },
      { status: 'cancelled' },
      { status: 'completed' },
      { title: 'A worker is killed in the middle of an order', status: 'confirmed' },
    ]);
    const away = orders.slice(6);
    expect(away.length).toBeGreaterThan(0);
    expect(away.every(({ status }) => status === 'confirmed')).toBe(true);
    expect(scorecard).toMatchObject({
      score: {
        orders: { accepted: orders.length, inJournal: orders.length },
        events: { lost: 0 },
        charges: { captures: 3, amount: 3998 + 4498, double: 0 },
      },
      crashes: { workersKilled: 1 },
      verified: { orders: orders.length, found: 0 },
    });
    // The killed worker's call was repeated under the same key.
    const { calls = 0, keys = 0 } = scorecard['score']?.['charges'] ?? {};
    expect(calls).toBeGreaterThan(keys);
    expect(await leftovers()).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'a demo whose output nobody reads any more stops its servers and removes its folder',
  async () => {
    const { child, ended } = demo();
    child.stdout.on('data', (text: string) => {
      if (text.includes('OrderConfirmed')) child.stdout.destroy();
    });
    expect(await ended).toMatchObject({ code: 0 });
    expect(await leftovers()).toEqual([]);
  },
  LIMIT_MS,
);

test(
  'a demo that is interrupted stops its servers and removes its folder',
  async () => {
    const { child, ended } = demo();
    child.stdout.on('data', (text: string) => {
      if (text.includes('OrderConfirmed')) child.kill('SIGINT');
    });
    const { code, out } = await ended;
    expect({ code, out }).toMatchObject({ code: 130 });
    expect(await leftovers()).toEqual([]);
  },
  LIMIT_MS,
);
