/**
 * `node test/smoke.mjs`: checks that this version of Node can build the system, start it, take an
 * order and stop. Uses separate servers on free ports.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { exitOf, fail, prepare, root, run } from '../workers/start/checkout.mjs';
import { stage } from '../workers/start/progress.mjs';

/** @typedef {import('node:stream').Readable} Readable */

const LIMIT_MS = 120_000;
const PORTS = { HTTP_PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0', MONGODB_PORT: '0' };

const dataDir = await mkdtemp(join(tmpdir(), 'orders-smoke-'));
const problem = await stage(`Node ${process.versions.node}`, smoke).catch((error) => error);
await rm(dataDir, { recursive: true, force: true });
if (problem !== undefined) fail(problem);

/** @param {(note: string) => void} note */
async function smoke(note) {
  await prepare();
  note('building');
  await run(process.execPath, ['workers/build.mjs']);
  note('starting');
  const child = spawn(process.execPath, ['workers/start.mjs'], {
    cwd: root,
    env: { ...process.env, ...PORTS, DATA_DIR: dataDir, LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = exitOf(child);
  try {
    const address = await addressOf(child, ended);
    note('placing an order');
    await placeOrder(address);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
  const { code } = await ended;
  if (code !== 0) throw new Error(`It was asked to stop, and ended with ${code}.`);
}

/**
 * Waits until the process prints the address of its API.
 *
 * @param {import('node:child_process').ChildProcessByStdio<null, Readable, Readable>} child
 * @param {Promise<unknown>} ended
 * @returns {Promise<string>}
 */
async function addressOf(child, ended) {
  let output = '';
  /** @type {Promise<string | undefined>} */
  const found = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        const [, address] = /\nReady in [^]*API +(http:\S+)/.exec(output) ?? [];
        if (address !== undefined) resolve(address);
      });
    }
  });
  const address = await Promise.race([found, ended.then(() => undefined)]);
  if (address === undefined) throw new Error(`It did not start:\n${output}`);
  return address;
}

/** @param {string} address */
async function placeOrder(address) {
  const created = await fetch(`${address}/v1/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({
      customer: { id: 'c-1', name: 'Ada Example' },
      currency: 'EUR',
      lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
      payment: { method: 'tok_ok' },
    }),
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const order = await (await fetch(new URL(created.headers.get('location') ?? '', address))).text();
  if (created.status !== 201 || !order.includes('"status":"confirmed"'))
    throw new Error(`The order was answered ${created.status} and is ${order}.`);
}
