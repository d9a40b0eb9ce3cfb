import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listenForOperations, type OperationsPort } from '../../../src/api/edge/ports.js';
import type { Http } from '../../../src/api/http.js';
import { registerDocs } from '../../../src/api/reference/docs.js';
import { createHttp } from '../../../src/api/server.js';
import { createLogger } from '../../../src/server/logging/logger.js';

let app: Http;
let address: string;
let operations: OperationsPort;

beforeAll(async () => {
  app = await createHttp(createLogger('silent'), { isSplit: true });
  await registerDocs(app, true);
  const route = (access: 'open' | 'signed' | 'orders:read' | 'ops' | 'admin') => ({
    config: { access },
    schema: { summary: access },
  });
  app.get('/health', route('open'), async () => ({}));
  app.get('/orders/:id', route('orders:read'), async () => ({}));
  app.post('/webhook', route('signed'), async () => ({}));
  app.get('/metrics', route('ops'), async () => ({}));
  app.post('/views/:name/rebuild', route('ops'), async () => ({}));
  app.get('/keys', route('admin'), async () => ({}));
  app.get('/system', { ...route('ops'), config: { access: 'ops', onBothPorts: true } }, async () => ({}));
  address = await app.listen({ host: '127.0.0.1', port: 0 });
  operations = await listenForOperations(app, { host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await Promise.all([app.close(), operations.close()]);
});

const routes = ['GET /health', 'GET /system', 'GET /orders/1', 'POST /webhook'];
const ofOperations = ['GET /metrics', 'POST /views/x/rebuild', 'GET /keys'];

async function statusesAt(base: string): Promise<Record<string, number>> {
  const statuses = [...routes, ...ofOperations].map(async (route) => {
    const [method = '', path = ''] = route.split(' ');
    return [route, (await fetch(`${base}${path}`, { method })).status] as const;
  });
  return Object.fromEntries(await Promise.all(statuses));
}

async function describedAt(base: string): Promise<readonly string[]> {
  const response = await fetch(`${base}/openapi.json`);
  const { paths } = (await response.json()) as { readonly paths: object };
  return Object.keys(paths).toSorted();
}

describe('with OPS_PORT', () => {
  test('operations are served on that port, beside only what is open to all', async () => {
    expect(await statusesAt(operations.address)).toEqual({
      'GET /health': 200,
      'GET /system': 200,
      'GET /orders/1': 404,
      'POST /webhook': 404,
      'GET /metrics': 200,
      'POST /views/x/rebuild': 200,
      'GET /keys': 200,
    });
  });

  test('operations are unknown on the public port, whatever the method', async () => {
    expect(await statusesAt(address)).toEqual({
      'GET /health': 200,
      'GET /system': 200,
      'GET /orders/1': 200,
      'POST /webhook': 200,
      'GET /metrics': 404,
      'POST /views/x/rebuild': 404,
      'GET /keys': 404,
    });
    expect((await fetch(`${address}/views/x/rebuild`)).status).toBe(404);
    expect((await fetch(`${operations.address}/views/x/rebuild`)).status).toBe(405);
  });

  test('each port describes its own routes', async () => {
    expect(await describedAt(address)).toEqual(['/health', '/orders/{id}', '/system', '/webhook']);
    const there = ['/health', '/keys', '/metrics', '/system', '/views/{name}/rebuild'];
    expect(await describedAt(operations.address)).toEqual(there);
    expect((await fetch(`${operations.address}/docs/`)).status).toBe(200);
  });

  test('a request that cannot be read is answered on that port too', async () => {
    const reply = await fetch(`${operations.address}/health`, { headers: { x: 'x'.repeat(20_000) } });
    expect(reply.status).toBe(431);
    expect(await reply.json()).toMatchObject({ code: 'headers_too_large' });
  });
});

test('without OPS_PORT, everything is served on one port', async () => {
  const whole = await createHttp(createLogger('silent'));
  await registerDocs(whole);
  whole.get('/metrics', { config: { access: 'ops' }, schema: { summary: 'ops' } }, async () => ({}));
  expect((await whole.inject('/metrics')).statusCode).toBe(200);
  expect(Object.keys((await whole.inject('/openapi.json')).json().paths)).toEqual(['/metrics']);
  await whole.close();
});
