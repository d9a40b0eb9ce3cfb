import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { rulesToday } from '../src/order/rules.js';
import { readConfig } from '../src/server/config.js';
import { type Api, apiAt, type PlacedOrder } from './support/orders-over-http.js';
import { shared } from './support/servers.js';
import { createSystem, type System, webhookSecrets } from './support/system.js';
import { until } from './support/until.js';

let system: System;
let api: Api;
let variables: Readonly<Record<string, string>>;

beforeAll(async () => {
  system = createSystem();
  const { address } = await system.start('write,read,worker,feed');
  api = apiAt(address);
  variables = {
    ORDERS_URL: address,
    TEMPORAL_ADDRESS: shared.temporalAddress,
    TEMPORAL_TASK_QUEUE: system.taskQueue,
    CARRIERS_WEBHOOK_SECRET: webhookSecrets.carriers,
  };
}, 120_000);
afterAll(async () => {
  await system.end();
}, 60_000);

test('each example is in their README, and runs here', async () => {
  const files = (await readdir('examples')).filter((name) => name !== 'README.md');
  const readme = await readFile('examples/README.md', 'utf8');
  const here = await readFile('test/examples.e2e.test.ts', 'utf8');
  for (const name of files) {
    expect(readme).toContain(`examples/${name}`);
    expect(here).toContain(`'${name}'`);
  }
});

test('the HTTP client takes an order through its life, and is answered alike when it repeats', async () => {
  const lines = await run('node', 'http-client.mjs');
  expect(lines).toEqual([
    expect.stringMatching(/^created \S+$/),
    'shipment s1 at version 5',
    'dispatched at version 6',
    expect.stringMatching(/^confirmed, captured 3998, allowed now: refunds, notes$/),
    'same key, same answer: version 6, replayed true',
    'same order: true, replayed true',
  ]);
  const order = madeBy(lines);
  expect(await order.log()).toEqual(expect.arrayContaining(['ShipmentDispatched', 'PaymentCaptured']));
  expect((await order.log()).filter((type) => type === 'ShipmentDispatched')).toHaveLength(1);
});

test('what examples say of the system is so: the rules of a new order, the secret of the sandbox', async () => {
  expect(await readFile('examples/temporal-client.mjs', 'utf8')).toContain(`rules: ${rulesToday},`);
  const secret = Buffer.from('sandbox-carriers-webhook-secret');
  expect(await readFile('examples/signed-webhook.mjs', 'utf8')).toContain(`'${secret.toString()}'`);
  expect(readConfig({}).secrets.carriersWebhook).toEqual([`whsec_${secret.toString('base64')}`]);
});

test('the Temporal client starts an order and updates it, each once', async () => {
  const lines = await run('node', 'temporal-client.mjs');
  expect(lines).toEqual([
    expect.stringMatching(/^created \S+, once$/),
    'confirmed',
    'shipment s1 at version 5',
    'same key, same answer: version 5',
    'refused: the order is not held',
  ]);
  const order = madeBy(lines);
  await order.becomes({ status: 'confirmed', shipments: [{ shipmentId: 's1' }] });
  const found = system.client.workflow.list({
    query: `WorkflowId = "order-${order.id}" AND CustomerId = "c-1"`,
  });
  await until(async () => expect(await first(found)).toMatchObject({ type: 'order' }));
});

test('the carrier is believed when its signature is right, and once', async () => {
  const lines = await run('node', 'signed-webhook.mjs');
  expect(lines).toEqual([
    'dispatched: 202',
    'delivered: 202',
    'the same message again: 202',
    'with another secret: 401',
    expect.stringMatching(/^see http/),
  ]);
  const [, id = ''] = /orders\/(\S+)\/events/.exec(lines.join('\n')) ?? [];
  const order = api.order(id);
  await order.becomes({ status: 'completed' });
  expect((await order.log()).filter((type) => type === 'ShipmentDelivered')).toHaveLength(1);
});

test('the shell takes an order through its life', async () => {
  const lines = await run('sh', 'curl.sh');
  const order = madeBy(lines);
  expect(lines.slice(1, 3)).toEqual([`again ${order.id}`, 'completed']);
  const streamed = lines.slice(3);
  expect(streamed.length).toBeGreaterThan(0);
  const versions = (await order.log()).map((_, index) => `id: ${index + 1}`);
  expect(streamed).toEqual(versions.slice(0, streamed.length));
});

test('the client scripts show what happens to all orders', async () => {
  const watching = start('node', '../src/cli/orders.mjs', 'watch');
  try {
    // It shows what happens from when it is connected.
    await until(async () => {
      const { id } = await api.place();
      const rows = watching.lines().filter((line) => line.startsWith(id));
      expect(rows.join('\n')).toMatch(/4 {2}\S+ {2}OrderConfirmed/);
    });
    expect(watching.lines()[0]).toMatch(/^ORDER +VERSION +TIME +EVENT/);
  } finally {
    await watching.kill();
  }
});

test('a feed consumer that is killed again and again counts each order once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'orders-examples-'));
  const file = join(folder, 'sales.json');
  const placed: Promise<PlacedOrder>[] = [];
  try {
    for (let round = 0; round < 4; round += 1) {
      const consumer = start('node', 'feed-consumer.mjs', file);
      try {
        placed.push(...Array.from({ length: 3 }, () => api.place()));
        // Killed as it applies, at another place each time.
        await until(async () => expect(consumer.lines().length).toBeGreaterThan(1));
      } finally {
        await consumer.kill();
      }
    }
    await Promise.all(placed);
    const consumer = start('node', 'feed-consumer.mjs', file);
    try {
      const expected = await salesInFeed();
      expect(expected.orders).toBeGreaterThanOrEqual(12);
      await until(async () => expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(expected));
      expect(consumer.lines()[0]).not.toBe('from position 0');
    } finally {
      await consumer.kill();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('a feed consumer whose checkpoint is of a generation that is gone adds up again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'orders-examples-'));
  const file = join(folder, 'sales.json');
  await writeFile(file, JSON.stringify({ generation: 99, position: 2, orders: 999, value: { EUR: 1 } }));
  const consumer = start('node', 'feed-consumer.mjs', file);
  try {
    await api.place();
    const expected = await salesInFeed();
    await until(async () => expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(expected));
    expect(consumer.lines()[1]).toBe('restored: generation 1 is the same up to 0; adding up again');
  } finally {
    await consumer.kill();
    await rm(folder, { recursive: true, force: true });
  }
});

/** What the consumer should come to, from the pages of the feed. */
async function salesInFeed() {
  return await until(async () => {
    const { body } = await api.get('/v1/events?limit=1000');
    const events = body.data as { type: string; position: number; data: { total: number } }[];
    const recorded = await system.db.collection('order_events').countDocuments();
    expect(events).toHaveLength(recorded);
    const created = events.filter(({ type }) => type === 'OrderCreated');
    return {
      generation: body.generation,
      position: events.at(-1)?.position,
      orders: created.length,
      value: { EUR: created.reduce((sum, { data }) => sum + data.total, 0) },
    };
  });
}

function madeBy(lines: readonly string[]): PlacedOrder {
  const [, id = ''] = /^created ([^\s,]+)/.exec(lines.join('\n')) ?? [];
  return api.order(id);
}

async function first<T>(found: AsyncIterable<T>): Promise<T | undefined> {
  for await (const one of found) return one;
  return undefined;
}

interface RunningExample {
  /** what it has printed */
  lines(): readonly string[];
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** @throws Error if it fails */
  ended(): Promise<void>;
}

/** Starts an example as its README does. */
function start(program: 'node' | 'sh', name: string, ...args: readonly string[]): RunningExample {
  const child = spawn(program === 'node' ? process.execPath : program, [join('examples', name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...variables },
  });
  let printed = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    lines: () => printed.split('\n').slice(0, -1),
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async ended() {
      await gone;
      if (child.exitCode !== 0) throw new Error(`${name} failed:\n${printed}${errors}`);
    },
  };
}

async function run(program: 'node' | 'sh', name: string): Promise<readonly string[]> {
  const example = start(program, name);
  await example.ended();
  return example.lines();
}
