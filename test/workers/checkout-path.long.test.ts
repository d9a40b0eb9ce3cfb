import { execFile, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const run = promisify(execFile);
const NAME = 'a#b 50%41 c?d';
const LIMIT_MS = 300_000;

/**
 * The folder is on the file system of the checkout, so that packages can be linked instead of
 * copied.
 */
let parent: string;
let checkout: string;

beforeAll(async () => {
  await mkdir('.cache', { recursive: true });
  parent = await mkdtemp(resolve('.cache', 'path-'));
  checkout = join(parent, NAME);
  await mkdir(join(checkout, '.cache'), { recursive: true });
  const names = [
    'src',
    'workers',
    'test',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'jest.config.mjs',
  ];
  for (const name of names) await cp(name, join(checkout, name), { recursive: true });
  await run('cp', ['-RPl', await realpath('node_modules'), join(checkout, 'node_modules')]);
  await symlink(resolve('.cache', 'bin'), join(checkout, '.cache', 'bin')).catch(() => undefined);
}, LIMIT_MS);
afterAll(async () => {
  await rm(parent, { recursive: true, force: true });
}, LIMIT_MS);

/**
 * Runs `npm start` in the copy, on free ports, until it is ready, and stops it. @returns its output
 */
async function startAndStop(use: (address: string) => Promise<void>): Promise<string> {
  const ports = ['HTTP_PORT', 'TEMPORAL_PORT', 'TEMPORAL_UI_PORT', 'MONGODB_PORT'].map((name) => [name, '0']);
  const child = spawn('npm', ['start'], {
    cwd: checkout,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...Object.fromEntries(ports) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const gone = new Promise((end) => child.once('close', end));
  const ready = new Promise<string>((found) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const [, address] = /\nReady in [^]*API +(http:\S+)/.exec(output) ?? [];
        if (address !== undefined) found(address);
      });
    }
  });
  const address = await Promise.race([ready, gone.then(() => undefined)]);
  if (address === undefined) throw new Error(`It did not start:\n${output}`);
  try {
    await use(address);
  } finally {
    child.kill('SIGTERM');
    await gone;
  }
  return output;
}

/** The seconds in `output` after `title`. */
function secondsOf(output: string, title: string): number {
  return Number(new RegExp(`${title} ([\\d.]+) s`).exec(output)?.[1]);
}

test(
  'a checkout whose path has URI characters is built, takes an order and keeps it inside',
  async () => {
    const orderId = 'kept';
    const said = await startAndStop(async (address) => {
      const created = await fetch(`${address}/v1/orders`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=30' },
        body: JSON.stringify({
          id: orderId,
          customer: { id: 'c-1', name: 'Ada Example' },
          currency: 'EUR',
          lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
          payment: { method: 'tok_ok' },
        }),
      });
      expect(created.status).toBe(201);
    });
    // The banner counts the build too.
    expect(secondsOf(said, 'Ready in')).toBeGreaterThan(secondsOf(said, '✓ Building'));
    await startAndStop(async (address) => {
      const strong = await fetch(`${address}/v1/orders/${orderId}?consistency=strong`);
      expect(await strong.json()).toMatchObject({ orderId, status: 'confirmed' });
    });
    expect(await readdir(parent)).toEqual([NAME]);
  },
  LIMIT_MS,
);

test(
  'the tests of such a checkout run',
  async () => {
    const { stdout } = await run('npm', ['test', '--', 'test/order/money', 'test/log/gateway/derived-ids'], {
      cwd: checkout,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_SERVERS: '1' },
    });
    expect(stdout).toMatch(/^Tests: [1-9]\d* passed, 0 failed, 0 skipped$/m);
  },
  LIMIT_MS,
);
