import { execFile as execFileWithCallback, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addKey } from '../src/access/api-keys.js';
import type { Scope } from '../src/access/scopes.js';
import { signing } from '../src/api/reference/signing.js';
import { RULES_TODAY } from '../src/order/rules.js';
import { readConfig } from '../src/server/config.js';
import { type Api, apiAt, type PlacedOrder } from './support/orders-over-http.js';
import { PAGES } from './support/pages.js';
import { shared } from './support/servers.js';
import { dialogueOf, openShell, patternOf, plain, shellBlocksOf } from './support/shell-blocks.js';
import { createSystem, type System, webhookSecrets } from './support/system.js';
import { until } from './support/until.js';

const execFile = promisify(execFileWithCallback);

let system: System;
let api: Api;
let address: string;
let variables: Readonly<Record<string, string>>;

beforeAll(async () => {
  system = createSystem();
  ({ address } = await system.start('write,read,worker,feed'));
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

test('each example is in the README of the examples, and runs here', async () => {
  const files = (await readdir('examples')).filter((name) => name !== 'README.md');
  const readme = await readFile('examples/README.md', 'utf8');
  const here = await readFile('test/examples.e2e.test.ts', 'utf8');
  for (const name of files) {
    expect(readme).toContain(`examples/${name}`);
    expect(here).toContain(`'${name}'`);
  }
});

test('the HTTP client takes an order through its life, and a second run gets the same answers', async () => {
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

test('the examples use the system’s own rules for a new order, and the sandbox’s secret', async () => {
  expect(await readFile('examples/temporal-client.mjs', 'utf8')).toContain(`rules: ${RULES_TODAY},`);
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

test('a carrier’s webhook is accepted if its signature is right, and applied once', async () => {
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

test('the label service dispatches each shipment once, whenever it is killed', async () => {
  const reader = `labels-${randomUUID().slice(0, 8)}`;
  const shipped: PlacedOrder[] = [];
  const shipOne = async () => {
    const order = await api.place();
    await order.tell('shipments');
    shipped.push(order);
  };
  for (let kills = 0; kills < 3; kills += 1) {
    await Promise.all([shipOne(), shipOne()]);
    const service = start('node', 'label-service.mjs', reader);
    await until(async () => expect(service.lines().length).toBeGreaterThan(0));
    await service.kill();
  }
  const service = start('node', 'label-service.mjs', reader);
  try {
    await shipOne();
    for (const order of shipped) {
      const { shipments } = await order.becomes({ fulfillmentStatus: 'shipped' });
      expect(shipments[0]).toMatchObject({
        carrier: 'Example Post',
        trackingNumber: expect.stringMatching(/^EP/),
      });
      expect((await order.log()).filter((type) => type === 'ShipmentDispatched')).toHaveLength(1);
    }
    await until(async () => {
      const { data } = (await api.get('/v1/subscriptions')).body;
      const found = data.find(({ name }: { readonly name: string }) => name === reader);
      expect(found).toMatchObject({ kind: 'reader', lag: 0 });
    });
  } finally {
    await service.kill();
  }
});

test('the shell script takes an order through its life', async () => {
  const lines = await run('sh', 'curl.sh');
  const order = madeBy(lines);
  expect(lines.slice(1, 3)).toEqual([`again ${order.id}`, 'completed']);
  const streamed = lines.slice(3);
  expect(streamed.length).toBeGreaterThan(0);
  const versions = (await order.log()).map((_, index) => `id: ${index + 1}`);
  expect(streamed).toEqual(versions.slice(0, streamed.length));
});

test('the shell client stops at the first request that fails', async () => {
  const env = { ...process.env, ORDERS_URL: 'http://127.0.0.1:1' };
  await expect(execFile('sh', ['examples/curl.sh'], { env })).rejects.toMatchObject({ code: 7, stdout: '' });
});

describe('with AUTH=on', () => {
  let guarded: Readonly<Record<string, string>>;
  beforeAll(async () => {
    const env = { AUTH: 'on', CURSOR_SECRET: 'a-secret-of-the-tests' };
    const { address: url } = await system.start('write,read', env);
    const scopes: readonly Scope[] = ['orders:read', 'orders:write', 'events:read'];
    const { key } = await addKey(system.db, { client: 'examples', scopes });
    guarded = { ...variables, ORDERS_URL: url, ORDERS_KEY: key };
  }, 60_000);

  test.each([
    ['node', 'http-client.mjs', /^created/],
    ['sh', 'curl.sh', /^created/],
    ['node', 'signed-webhook.mjs', /^dispatched: 202$/],
  ] as const)('%s %s takes an order through its life as the owner of a key', async (program, name, done) => {
    const example = startWith(guarded, program, name);
    await example.ended();
    const lines = example.lines();
    expect(lines[0]).toMatch(done);
    const [, id = ''] = /(?:created |orders\/)([\w-]+)/.exec(lines.join('\n')) ?? [];
    const { data } = (await api.get(`/v1/orders/${id}/events`)).body;
    expect(data[0]).toMatchObject({ type: 'OrderCreated', actor: 'key:examples' });
  });

  test('the label service and the feed consumer follow the feed with a key', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'orders-examples-'));
    const order = await api.place();
    await order.tell('shipments');
    const service = startWith(guarded, 'node', 'label-service.mjs', `labels-${randomUUID().slice(0, 8)}`);
    const consumer = startWith(guarded, 'node', 'feed-consumer.mjs', join(folder, 'sales.json'));
    try {
      await until(async () => expect(service.lines().join('\n')).toContain(`${order.id}:s1 EP`));
      await until(async () => expect(consumer.lines().length).toBeGreaterThan(1));
    } finally {
      await Promise.all([service.kill(), consumer.kill()]);
      await rm(folder, { recursive: true, force: true });
    }
  });

  test.each(['http-client.mjs', 'label-service.mjs', 'signed-webhook.mjs', 'feed-consumer.mjs'])(
    '%s ends with the reason if it has no key',
    async (name) => {
      const example = startWith({ ...guarded, ORDERS_KEY: undefined }, 'node', name);
      await expect(example.ended()).rejects.toThrow('unauthenticated');
    },
  );
});

test('the client scripts show what happens to all orders', async () => {
  const watching = start('node', '../src/cli/orders.mjs', 'watch');
  try {
    // The script shows only events that happen after it has connected.
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

test('a feed consumer that is killed repeatedly counts each order once', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'orders-examples-'));
  const file = join(folder, 'sales.json');
  const placed: Promise<PlacedOrder>[] = [];
  try {
    for (let round = 0; round < 4; round += 1) {
      const consumer = start('node', 'feed-consumer.mjs', file);
      try {
        placed.push(...Array.from({ length: 3 }, () => api.place()));
        // Killed while it applies events, at a different one each time.
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

test('a feed consumer with a checkpoint of a lost generation counts again from the beginning', async () => {
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

test('each shell block of the README and the docs does what it shows, or says why it is not run', async () => {
  const shell = await openShell(address, {
    ...variables,
    MONGODB_URI: shared.mongodbUri,
    MONGODB_DB: system.db.databaseName,
    PAYMENTS_WEBHOOK_SECRET: webhookSecrets.payments,
  });
  try {
    let ran = 0;
    // `docs/start.md` comes first, because a reader begins there.
    for (const page of new Set(['docs/start.md', ...PAGES])) {
      for (const { kind, text, notRun } of await shellBlocksOf(page)) {
        if (notRun !== undefined) continue;
        ran += 1;
        if (kind === 'sh') await shell.run(text);
        else
          for (const { command, prints } of dialogueOf(text))
            expect(plain(await shell.run(command))).toMatch(patternOf(prints));
      }
    }
    expect(ran).toBeGreaterThan(5);
  } finally {
    await shell.close();
  }
}, 300_000);

test.each(Object.entries(signing))('the sample in %s signs a webhook', async (language, code) => {
  const folder = await mkdtemp(join(tmpdir(), 'orders-examples-'));
  try {
    // The webhook names the order that the reference creates.
    if ((await api.get('/v1/orders/example')).status === 404) await api.place({ id: 'example' });
    const file = join(folder, `sign.${language === 'ts' ? 'mjs' : language}`);
    await writeFile(file, code);
    const program = { ts: process.execPath, python: 'python3', sh: 'sh' }[language] ?? '';
    const sign = async (secret: string) =>
      await execFile(program, [file], {
        env: { PATH: process.env['PATH'], ORDERS_URL: address, WEBHOOK_SECRET: secret },
      }).then(
        ({ stdout }) => stdout.trim(),
        (error: Error & { readonly stderr?: string }) => error.stderr ?? error.message,
      );
    expect(await readFile('docs/guides/webhooks.md', 'utf8')).toContain(code);
    expect(await sign(webhookSecrets.payments)).toBe('202');
    expect(await sign(webhookSecrets.carriers)).toContain('401');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** The result that the consumer should have, computed from the pages of the feed. */
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
  /** the lines that it has printed */
  lines(): readonly string[];
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** @throws Error if it fails */
  ended(): Promise<void>;
}

/** Starts an example as its README does. */
function start(program: 'node' | 'sh', name: string, ...args: readonly string[]): RunningExample {
  return startWith(variables, program, name, ...args);
}

function startWith(
  env: Readonly<Record<string, string | undefined>>,
  program: 'node' | 'sh',
  name: string,
  ...args: readonly string[]
): RunningExample {
  const child = spawn(program === 'node' ? process.execPath : program, [join('examples', name), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
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
