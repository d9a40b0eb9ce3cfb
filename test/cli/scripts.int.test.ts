import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../support/api.js';
import { assertNoPersons } from '../support/persons.js';

const script = fileURLToPath(new URL('../../src/cli/orders.mjs', import.meta.url));

let api: TestApi;
let env: Record<string, string | undefined>;

beforeAll(async () => {
  api = await startTestApi();
  await api.startWorker();
  const { temporal, mongodb } = api.config;
  env = {
    ...process.env,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_TASK_QUEUE: temporal.taskQueue,
    MONGODB_URI: mongodb.uri,
    MONGODB_DB: mongodb.db,
    ORDERS_URL: await api.app.listen({ host: '127.0.0.1', port: 0 }),
  };
});

afterAll(async () => {
  await api.close();
});

interface Ended {
  readonly exitCode: number | null;
  readonly out: string;
  readonly err: string;
}

/**
 * Starts a script as a separate process. A script that hangs is killed, so its exit code is null.
 */
function start(
  args: readonly string[],
  more: Record<string, string> = {},
  { cwd = process.cwd(), file = script } = {},
) {
  const child = spawn(process.execPath, [file, ...args], {
    cwd,
    env: { ...env, ...more },
    timeout: 40_000,
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
  const ended = once(child, 'close').then(([exitCode]: (number | null)[]): Ended => {
    assertNoPersons(args.join(' '), err);
    return { exitCode: exitCode ?? null, out, err };
  });
  return { child, ended };
}

function orders(line: string, more?: Record<string, string>): Promise<Ended> {
  return start(line.split(' '), more).ended;
}

/** The value that a successful script prints with `--json`. */
async function json(line: string): Promise<unknown> {
  const { exitCode, out, err } = await orders(`${line} --json`);
  expect({ line, exitCode, err }).toEqual({ line, exitCode: 0, err: '' });
  return JSON.parse(out);
}

function newId(): string {
  return `cli-${randomUUID().slice(0, 8)}`;
}

test('an order is placed, shipped, delivered, returned and refunded; journal and history agree', async () => {
  const id = newId();
  expect(await json(`create --id ${id} --wait 20`)).toMatchObject({
    orderId: id,
    version: 4,
    status: 'confirmed',
    settled: true,
  });
  expect(await json(`ship ${id}`)).toMatchObject({ shipmentId: 's1' });
  await json(`dispatch ${id} s1 --carrier DHL --tracking T1`);
  expect(await json(`deliver ${id} s1 --wait 20`)).toMatchObject({ status: 'completed', settled: true });
  expect(await json(`return ${id} --line A-1:1 --reason small`)).toMatchObject({ returnId: 'r1' });
  expect(await json(`receive ${id} r1 --wait 20`)).toMatchObject({ settled: true });
  const [order, fromJournal, fromHistory, card, table] = await Promise.all([
    json(`get ${id}`),
    json(`events ${id}`),
    json(`events ${id} --source history`),
    orders(`get ${id}`),
    orders(`events ${id}`),
  ]);
  expect(order).toMatchObject({ paymentStatus: 'partially_refunded', captured: 3998, refunded: 1999 });
  const events = fromJournal as { version: number }[];
  expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1));
  // The journal's events also have `recordedAt`.
  expect(events).toMatchObject(fromHistory as object[]);
  expect(card.out).toContain('captured EUR 39.98, refunded EUR 19.99');
  expect(table.out).toMatch(/PaymentRefunded +payments +EUR 19\.99 for f1/);
});

test('the scripts work from any folder, also through a link', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'orders-cli-'));
  try {
    const link = join(folder, 'orders');
    await symlink(script, link);
    const id = newId();
    const { exitCode, err } = await start(['create', '--id', id], {}, { cwd: folder, file: link }).ended;
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(await start(['get', id], {}, { cwd: '/', file: link }).ended).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining(id),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a repeated command under its key is answered as before, and another one is refused', async () => {
  const key = `k-${newId()}`;
  const first = await json(`create --key ${key}`);
  expect(await json(`create --key ${key}`)).toEqual({ ...(first as object), replayed: true });
  const { exitCode, err } = await orders(`create --key ${key} --currency USD`);
  expect({ exitCode, err }).toEqual({ exitCode: 1, err: expect.stringMatching(/^key_reused: .*\n$/) });
});

test('a refusal says why on one line, with an exit code for each kind', async () => {
  const id = newId();
  await json(`create --id ${id} --wait 20`);
  const [notAllowed, stale, unknownOrder, unknownShipment, badFilter] = await Promise.all([
    orders(`release ${id}`),
    orders(`hold ${id} --reason x --if-match 1`),
    orders('get nobody-knows-it'),
    orders(`deliver ${id} s9`),
    orders('list --status lost'),
  ]);
  expect(notAllowed).toMatchObject({ exitCode: 1, out: '' });
  expect(notAllowed.err).toMatch(/^not_allowed: the order is not held; allowed now: .*ship.*\n$/);
  expect(stale).toMatchObject({ exitCode: 1, err: expect.stringMatching(/^stale_version: /) });
  expect(unknownOrder).toMatchObject({ exitCode: 3, err: expect.stringMatching(/^order_not_found: /) });
  expect(unknownShipment).toMatchObject({ exitCode: 3, err: expect.stringMatching(/^shipment_not_found: /) });
  expect(badFilter).toMatchObject({
    exitCode: 2,
    err: expect.stringMatching(/--status .*'lost' is invalid. Allowed/),
  });
});

test('a pending payment is settled by the signed webhook, once', async () => {
  const id = newId();
  await json(`create --id ${id} --payment tok_pending --wait 20`);
  expect(await json(`settle ${id} --authorized`)).toMatchObject({ outcome: 'authorized' });
  await json(`note ${id} paid --wait 20`);
  expect(await json(`get ${id} --strong`)).toMatchObject({ status: 'confirmed' });
  expect(await orders(`settle ${id} --declined`)).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/^payment_not_pending: /),
  });
});

test('the demo can place its orders on a running system', async () => {
  const { orders: told } = (await json(`demo --url ${env['ORDERS_URL']}`)) as { orders: object[] };
  expect(told).toMatchObject([
    { title: 'A happy order', status: 'completed' },
    { title: 'A declined payment', status: 'rejected' },
    { title: 'Out of stock', status: 'rejected' },
    { title: 'A cancellation in flight', status: 'cancelled' },
    { title: 'Two shipments and a return', status: 'completed' },
  ]);
});

describe('watch', () => {
  test('ends by itself when the order is over, with one JSON value per line', async () => {
    const id = newId();
    await json(`create --id ${id} --payment tok_declined`);
    const { exitCode, out } = await orders(`watch ${id} --json`);
    const types = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect({ exitCode, types }).toEqual({
      exitCode: 0,
      types: ['OrderCreated', 'StockReserved', 'PaymentDeclined', 'OrderRejected', 'StockReleased'],
    });
  });

  test('continues until it is interrupted', async () => {
    const id = newId();
    await json(`create --id ${id} --wait 20`);
    const { child, ended } = start(['watch', id]);
    child.stdout.on('data', (chunk: string) => {
      if (chunk.includes('OrderConfirmed')) child.kill('SIGINT');
    });
    expect(await ended).toMatchObject({ exitCode: 130, err: '' });
  });
});

test('a load is accepted, and its duration is printed', async () => {
  expect(await json('load --rate 100 --count 20')).toMatchObject({
    sent: 20,
    accepted: 20,
    failed: {},
    p50: expect.any(Number),
  });
  expect(await orders('load --count 1 --url http://127.0.0.1:1')).toMatchObject({
    exitCode: 4,
    err: expect.stringMatching(/^api_unreachable: no order was accepted: .*--url/),
  });
  expect(await orders('load --count 1 --payment ä')).toMatchObject({
    exitCode: 2,
    err: expect.stringMatching(
      /^invalid_request \(at \/payment\/method\): no order was accepted: .* must be/,
    ),
  });
});

test('stock is set and shown', async () => {
  const sku = `S-${newId()}`;
  expect(await json(`stock set ${sku} 7`)).toMatchObject({ sku, onHand: 7, reserved: 0 });
  await json(`create --line ${sku}:2:100 --wait 20`);
  expect(await json(`stock ${sku}`)).toMatchObject({ onHand: 7, reserved: 2 });
  expect((await orders('stock')).out).toMatch(new RegExp(`${sku} +7 +2 +5`));
});

describe('while a server is away', () => {
  test('MongoDB: orders are accepted', async () => {
    // A worker that reaches MongoDB would store the customer's key there, where the second script
    // cannot read it.
    const withoutMongo = {
      MONGODB_URI: 'mongodb://127.0.0.1:1/',
      TEMPORAL_TASK_QUEUE: newId(),
      ORDERS_URL: 'http://127.0.0.1:1',
    };
    const id = newId();
    expect(await orders(`create --id ${id}`, withoutMongo)).toMatchObject({ exitCode: 0, err: '' });
    const again = await orders(`create --id ${id}`, withoutMongo);
    expect(again).toMatchObject({ exitCode: 0, out: expect.stringContaining('answered before') });
  });

  test('the workers: orders are accepted, and the outcome of other commands is unknown', async () => {
    // There is no API for that task queue either.
    const withoutWorker = { TEMPORAL_TASK_QUEUE: newId(), ORDERS_URL: 'http://127.0.0.1:1' };
    const id = newId();
    expect(await orders(`create --id ${id}`, withoutWorker)).toMatchObject({ exitCode: 0 });
    const { exitCode, err } = await orders(`hold ${id} --reason x --key k-1`, withoutWorker);
    expect({ exitCode, err }).toEqual({ exitCode: 4, err: expect.stringContaining('--key k-1') });
  });

  test('Temporal: nothing is sent, and the message names its address', async () => {
    const { exitCode, err } = await orders('create', { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect({ exitCode, err }).toEqual({
      exitCode: 4,
      err: expect.stringMatching(/^temporal_unreachable: Temporal at 127\.0\.0\.1:1 .*npm start.*\n$/),
    });
  });

  test('the API of another system: nothing is sent, and both systems are named', async () => {
    const id = newId();
    const other = newId();
    const { exitCode, out, err } = await orders(`create --id ${id}`, { TEMPORAL_TASK_QUEUE: other });
    const both = new RegExp(
      `^other_system: .*task queue ${other}.* but the API at .*task queue ${api.config.temporal.taskQueue}.*\\n$`,
    );
    expect({ exitCode, out, err }).toEqual({ exitCode: 2, out: '', err: expect.stringMatching(both) });
    expect(await orders(`get ${id}`)).toMatchObject({ exitCode: 3 });
  });

  test('the API: the message names its address', async () => {
    const { exitCode, err } = await orders('list --url http://127.0.0.1:1');
    expect({ exitCode, err }).toEqual({ exitCode: 4, err: expect.stringContaining('http://127.0.0.1:1') });
  });

  test('the build: one line names the command to run', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'orders-cli-'));
    try {
      const copy = join(folder, 'src', 'cli', 'orders.mjs');
      await mkdir(dirname(copy), { recursive: true });
      await copyFile(script, copy);
      const child = spawn(process.execPath, [copy, 'list'], { stdio: ['ignore', 'ignore', 'pipe'] });
      const [[exitCode], err] = await Promise.all([once(child, 'close'), text(child.stderr)]);
      expect({ exitCode, err }).toEqual({
        exitCode: 5,
        err: 'orders is not built yet: run `npm start` or `npm run build` first.\n',
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
