/**
 * `node test/smoke.mjs`: checks that this version of Node can build the system, start it, take an
 * order and stop. Uses separate servers on free ports.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { prepare } from '../src/bootstrap/prepare.mjs';
import { fail, run } from '../src/bootstrap/processes.mjs';
import { stage } from '../src/bootstrap/progress.mjs';
import { startSystem } from './support/start-system.mjs';

const LIMIT_MS = 120_000;

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
  const { address, stop } = await startSystem({ ...process.env, DATA_DIR: dataDir, LOG_LEVEL: 'warn' });
  note('placing an order');
  let code;
  try {
    await placeOrder(address);
  } finally {
    code = await stop();
  }
  if (code !== 0) throw new Error(`It was asked to stop, and ended with ${code}.`);
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
