import { createServer } from 'node:http';
import { expect, test } from '@jest/globals';
import { listen } from '../../support/listen.js';
import { runWithoutTemporal } from '../without-temporal.js';

type Answer = readonly [status: number, body: object];

/** Runs a script with an API that gives these answers, one after another. */
async function withApi(line: string, answers: readonly Answer[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const [status, body] = answers[asked.length] ?? [500, {}];
    asked.push([request.method, request.headers['idempotency-key']].flat().join(' ').trim());
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(body));
  });
  try {
    const port = await listen(server);
    return { ...(await runWithoutTemporal(line, { ORDERS_URL: `http://127.0.0.1:${port}` })), asked };
  } finally {
    server.close();
  }
}

test('forget asks only the write side for its progress, with the same key', async () => {
  const certificate = { orders: 2, keys: ['k-1'], places: [], notReached: [] };
  const { exitCode, out, asked } = await withApi('forget c-1 --reason letter --key k', [
    [202, { customerId: 'c-1', status: 'forgetting' }],
    [200, { customerId: 'c-1', status: 'forgotten', certificate, jws: 'a.b.c' }],
  ]);
  expect({ exitCode, asked }).toEqual({ exitCode: 0, asked: ['POST k', 'POST k'] });
  expect(out).toContain('customer c-1 · forgotten in 2 orders, 1 key destroyed');
});

test('forget waits while the API is away', async () => {
  const certificate = { orders: 0, keys: [], places: [], notReached: [] };
  const { exitCode, err, asked } = await withApi('forget c-1 --reason letter --key k', [
    [202, { customerId: 'c-1', status: 'forgetting' }],
    [503, { code: 'busy', detail: 'The database is away.' }],
    [200, { customerId: 'c-1', status: 'forgotten', certificate, jws: 'a.b.c' }],
  ]);
  expect({ exitCode, asked }).toEqual({ exitCode: 0, asked: ['POST k', 'POST k', 'POST k'] });
  expect(err).toBe('The database is away; waiting for it');
});

test('forget fails if its first request finds the API away', async () => {
  const { exitCode, asked } = await withApi('forget c-1 --reason letter', [[503, {}]]);
  expect({ exitCode, asks: asked.length }).toEqual({ exitCode: 4, asks: 1 });
});

test('export-person prints the person’s data, and fails if something could not be opened', async () => {
  const held = { customerId: 'c-1', orders: [], forgettings: [], sealedOrders: [] };
  expect(await withApi('export-person c-1', [[200, held]])).toMatchObject({ exitCode: 0, err: '' });
  const sealed = await withApi('export-person c-1', [[200, { ...held, sealedOrders: ['o-1'] }]]);
  expect(JSON.parse(sealed.out)).toMatchObject({ sealedOrders: ['o-1'] });
  expect(sealed).toMatchObject({ exitCode: 4, err: expect.stringContaining('persons_sealed') });
});
