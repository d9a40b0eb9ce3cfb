import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text as allText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createHttp } from '../../../src/api/server.js';
import { orderBody, type Reply, startTestApi, type TestApi } from '../../support/api.js';
import { until } from '../../support/until.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

function expectProblem(
  { status, headers, body }: Reply,
  expected: number,
  pointers?: readonly string[],
): void {
  expect({ status, body }).toMatchObject({ status: expected, body: { status: expected } });
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(body).toMatchObject({
    type: expect.stringMatching(/^urn:problem:\w+$/),
    title: expect.any(String),
    code: expect.any(String),
    detail: expect.stringMatching(/.{8}/),
  });
  if (pointers !== undefined) {
    expect(body.errors.map((error: { pointer: string }) => error.pointer).toSorted()).toEqual(
      [...pointers].toSorted(),
    );
  }
}

/** The workflows that were started on this test's task queue. */
async function workflowsStarted(): Promise<string[]> {
  const query = `TaskQueue = '${api.config.temporal.taskQueue}'`;
  const ids: string[] = [];
  for await (const { workflowId } of api.client.workflow.list({ query })) ids.push(workflowId);
  return ids;
}

const line = { sku: 'A-1', quantity: 1, unitPrice: 100 };
const lines = (...changes: readonly object[]) => ({
  lines: changes.map((change) => ({ ...line, ...change })),
});
const manyLines = (count: number) => ({
  lines: Array.from({ length: count }, (_, i) => ({ ...line, sku: `A-${i}` })),
});

type Change = Readonly<Record<string, unknown>>;

describe('a create is refused with 400 and a pointer to each invalid value,', () => {
  test.each<[string, Change, readonly string[]]>([
    ['an unknown field', { coupon: 'X' }, ['/coupon']],
    ['an unknown field deep inside', { customer: { id: 'c', name: 'n', vip: true } }, ['/customer/vip']],
    ['a missing field', { customer: { id: 'c' } }, ['/customer/name']],
    ['no customer, no payment', { customer: undefined, payment: undefined }, ['/customer', '/payment']],
    ['a quantity as text', lines({ quantity: '1' }), ['/lines/0/quantity']],
    ['a price as text', lines({ unitPrice: '100' }), ['/lines/0/unitPrice']],
    ['a number as name', { customer: { id: 'c', name: 7 } }, ['/customer/name']],
    ['null for an object', { customer: null }, ['/customer']],
    ['text for lines', { lines: 'A-1' }, ['/lines']],
    ['a quantity of zero', lines({ quantity: 0 }), ['/lines/0/quantity']],
    ['a negative quantity', lines({ quantity: -1 }), ['/lines/0/quantity']],
    ['a fractional quantity', lines({ quantity: 1.5 }), ['/lines/0/quantity']],
    ['a huge quantity', lines({ quantity: 1e9 }), ['/lines/0/quantity']],
    ['a negative price', lines({ unitPrice: -1 }), ['/lines/0/unitPrice']],
    ['a fractional price', lines({ unitPrice: 0.5 }), ['/lines/0/unitPrice']],
    ['a huge price', lines({ unitPrice: 2 ** 53 }), ['/lines/0/unitPrice']],
    ['a negative discount', { discount: -1 }, ['/discount']],
    ['a fractional fee', { shippingFee: 1.01 }, ['/shippingFee']],
    ['a huge tax', { tax: 1e300 }, ['/tax']],
    ['a currency in small letters', { currency: 'eur' }, ['/currency']],
    ['no lines', { lines: [] }, ['/lines']],
    ['201 lines', manyLines(201), ['/lines']],
    ['10,000 lines', manyLines(10_000), ['/lines']],
    ['an operator for a text', { customer: { id: { $gt: '' }, name: 'n' } }, ['/customer/id']],
    ['an operator for an id', { id: { $ne: null } }, ['/id']],
    ['an operator for a number', lines({ quantity: { $gt: 0 } }), ['/lines/0/quantity']],
    ['an id with a slash', { id: 'a/b' }, ['/id']],
    ['an id with a control character', { id: 'a\u0000b' }, ['/id']],
    ['a customer id that is an e-mail address', { customer: { id: 'ada@b.c', name: 'n' } }, ['/customer/id']],
    ['an id of 65 characters', { id: 'a'.repeat(65) }, ['/id']],
    ['an empty id', { id: '' }, ['/id']],
    ['a name with a line break', { customer: { id: 'c', name: 'a\nb' } }, ['/customer/name']],
    ['half a character', { customer: { id: 'c', name: 'a\ud83d' } }, ['/customer/name']],
    [
      'a control character of the upper half',
      { customer: { id: 'c', name: 'a\u0085b' } },
      ['/customer/name'],
    ],
    ['a line separator in a name', { customer: { id: 'c', name: 'a\u2028b' } }, ['/customer/name']],
    ['a paragraph separator in a tag', { tags: ['a\u2029b'] }, ['/tags/0']],
    ['a blank name', { customer: { id: 'c', name: ' \u00a0\u200b\u3000' } }, ['/customer/name']],
    ['an empty name', { customer: { id: 'c', name: '' } }, ['/customer/name']],
    ['a blank tag', { tags: ['a', ' '] }, ['/tags/1']],
    ['a blank note', { note: ' \n ' }, ['/note']],
    ['a control character in a note', { note: 'a\u009bb' }, ['/note']],
    [
      'a control character in an address',
      { customer: { id: 'c', name: 'n', email: 'a\u0080@b' } },
      ['/customer/email'],
    ],
    ['a name of 201 characters', { customer: { id: 'c', name: 'a'.repeat(201) } }, ['/customer/name']],
    ['51 tags', { tags: Array.from({ length: 51 }, (_, i) => `t${i}`) }, ['/tags']],
    [
      'several errors in one request',
      { ...lines({ quantity: '1', unitPrice: -1 }), x: 1 },
      ['/x', '/lines/0/quantity', '/lines/0/unitPrice'],
    ],
    [
      'more than eight',
      lines(...Array.from({ length: 12 }, () => ({ quantity: 0 }))),
      Array.from({ length: 12 }, (_, i) => `/lines/${i}/quantity`),
    ],
  ])('%s', async (_what, change, pointers) => {
    expectProblem(await api.post('/v1/orders', { body: orderBody(change) }), 400, pointers);
  });

  test.each(['__proto__', 'constructor'])('a body with %s in it', async (name) => {
    const text = JSON.stringify(orderBody()).replace('{', `{"${name}": {"prototype": {}}, `);
    const reply = await api.send('POST', '/v1/orders', text, { 'content-type': 'application/json' });
    expectProblem(reply, 400);
  });
});

describe('a create is refused with 422 and a pointer to the value that breaks a rule:', () => {
  test.each<[string, Change, string, readonly string[]]>([
    ['an unknown currency', { currency: 'XXX' }, 'unknown_currency', ['/currency']],
    ['one SKU twice', lines({}, {}), 'duplicate_sku', ['/lines/1/sku']],
    ['a total of zero', lines({ unitPrice: 0 }), 'total_not_positive', ['']],
    ['a total below zero', { discount: 10_000 }, 'total_not_positive', ['']],
    [
      'a total too large',
      lines({ quantity: 2, unitPrice: Number.MAX_SAFE_INTEGER }),
      'total_too_large',
      ['/lines'],
    ],
  ])('%s', async (_what, change, code, pointers) => {
    const reply = await api.post('/v1/orders', { body: orderBody(change) });
    expectProblem(reply, 422, pointers);
    expect(reply.body.code).toBe(code);
  });
});

describe('a malformed request is refused:', () => {
  const json = { 'content-type': 'application/json' };
  test.each<[string, number, () => Promise<Reply>]>([
    ['a body of 2 MB', 413, () => api.post('/v1/orders', { body: orderBody({ note: 'x'.repeat(2e6) }) })],
    ['JSON cut short', 400, () => api.send('POST', '/v1/orders', '{"customer":', json)],
    ['an array', 400, () => api.post('/v1/orders', { body: [orderBody()] })],
    ['null', 400, () => api.send('POST', '/v1/orders', 'null', json)],
    ['no body', 400, () => api.post('/v1/orders')],
    [
      'a form',
      415,
      () => api.send('POST', '/v1/orders', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
    ],
    ['plain text', 415, () => api.send('POST', '/v1/orders', '{}', { 'content-type': 'text/plain' })],
    ['an unknown path', 404, () => api.get('/v1/nothing')],
    ['another method', 405, () => api.send('DELETE', '/v1/orders')],
    ['another method of a command', 405, () => api.get('/v1/orders/a/hold')],
    ['a path encoded wrongly', 400, () => api.get('/v1/orders/%zz')],
    ['a query encoded wrongly', 400, () => api.get('/v1/orders?q=%zz')],
    ['a query that encodes no UTF-8', 400, () => api.get('/v1/orders?q=%FF')],
    ['a query that encodes half a character', 400, () => api.get('/v1/orders?q=%ED%A0%80')],
    ['a query encoded wrongly after another question mark', 400, () => api.get('/v1/orders?q=a?%FF')],
    ['a path that encodes no UTF-8', 400, () => api.get('/v1/orders/%C3%28')],
    [
      'a body in another charset',
      415,
      () =>
        api.send('POST', '/v1/orders', JSON.stringify(orderBody()), {
          'content-type': 'application/json; charset=iso-8859-1',
        }),
    ],
    [
      'a compressed body',
      415,
      () => api.send('POST', '/v1/orders', 'x', { ...json, 'content-encoding': 'gzip' }),
    ],
    [
      'an id with a slash in the path',
      400,
      () => api.post('/v1/orders/a%2Fb/notes', { body: { text: 'x' } }),
    ],
    ['an id with a control character in the path', 400, () => api.get('/v1/orders/a%00b')],
    ['an id of 500 characters', 400, () => api.get(`/v1/orders/${'a'.repeat(500)}`)],
    ['a SKU with a slash', 400, () => api.put('/v1/stock/a%2Fb', { body: { onHand: 1 } })],
    [
      'an unknown query parameter of a command',
      400,
      () => api.post('/v1/orders?dry=1', { body: orderBody() }),
    ],
    ['an unknown query parameter of an order', 400, () => api.get('/v1/orders/a?expand=1')],
    ['an unknown query parameter of the list', 400, () => api.get('/v1/orders?page=2')],
    ['an unknown query parameter of health', 400, () => api.get('/health/ready?x=1')],
    ['an unknown query parameter of metrics', 400, () => api.get('/metrics?x=1')],
    ['an operator as a query parameter', 400, () => api.get('/v1/orders?customerId[$gt]=')],
    ['a repeated query parameter', 400, () => api.get('/v1/orders?status=pending&status=confirmed')],
    ['a limit of 0', 400, () => api.get('/v1/orders?limit=0')],
    ['a limit of 201', 400, () => api.get('/v1/orders?limit=201')],
    ['a limit that is not an integer', 400, () => api.get('/v1/orders?limit=1.5')],
    ['an empty limit', 400, () => api.get('/v1/orders?limit=')],
    ['an unknown sort', 400, () => api.get('/v1/orders?sort=customer')],
    ['an unknown status', 400, () => api.get('/v1/orders?status=done')],
    ['an invalid time', 400, () => api.get('/v1/orders?createdAt[gte]=yesterday')],
    [
      'a time beyond the year 9999',
      400,
      () => api.get('/v1/orders?createdAt[gte]=9999-12-31T23:59:59-14:00'),
    ],
    [
      'a key with a space',
      400,
      () => api.post('/v1/orders', { body: orderBody(), headers: { 'idempotency-key': 'a b' } }),
    ],
    [
      'a key of 201 characters',
      400,
      () => api.post('/v1/orders', { body: orderBody(), headers: { 'idempotency-key': 'a'.repeat(201) } }),
    ],
    [
      'an If-Match without quotes',
      400,
      () => api.post('/v1/orders/a/notes', { body: { text: 'x' }, headers: { 'if-match': '3' } }),
    ],
    [
      'a wait of 31 seconds',
      400,
      () => api.post('/v1/orders', { body: orderBody(), headers: { prefer: 'wait=31' } }),
    ],
    [
      'a wait that is not a number',
      400,
      () => api.post('/v1/orders', { body: orderBody(), headers: { prefer: 'wait=soon' } }),
    ],
    ['stock as text', 400, () => api.put('/v1/stock/A-1', { body: { onHand: '5' } })],
    ['negative stock', 400, () => api.put('/v1/stock/A-1', { body: { onHand: -5 } })],
    ['a note without text', 400, () => api.post('/v1/orders/a/notes', { body: { text: '' } })],
    [
      'a refund of nothing',
      400,
      () => api.post('/v1/orders/a/refunds', { body: { amount: 0, reason: 'x' } }),
    ],
    ['a refund as text', 400, () => api.post('/v1/orders/a/refunds', { body: { amount: '5', reason: 'x' } })],
    [
      'a member in a body that has none',
      400,
      () => api.post('/v1/orders/a/release', { body: { reason: 'x' } }),
    ],
    [
      'a command to an unknown order',
      404,
      () => api.post(`/v1/orders/${randomUUID()}/notes`, { body: { text: 'x' } }),
    ],
    [
      'a signal to an unknown order',
      404,
      () =>
        api.post(`/v1/orders/${randomUUID()}/notes`, {
          body: { text: 'x' },
          headers: { prefer: 'respond-async' },
        }),
    ],
    ['an unknown order', 404, () => api.get(`/v1/orders/${randomUUID()}`)],
    ['the log of an unknown order', 404, () => api.get(`/v1/orders/${randomUUID()}/events`)],
    [
      'the history of an unknown order',
      404,
      () => api.get(`/v1/orders/${randomUUID()}/events?source=history`),
    ],
  ])('%s', async (_what, status, send) => {
    expectProblem(await send(), status);
  });

  test.each([
    ['bytes that are no UTF-8', Buffer.from([0xff])],
    ['Latin-1', Buffer.from('\u00e9', 'latin1')],
    ['a character cut short', Buffer.from('\u20ac').subarray(0, 2)],
    ['half a character', Buffer.from([0xed, 0xa0, 0x80])],
  ])('%s in a body', async (_what, bytes) => {
    const [head = '', tail = ''] = JSON.stringify(orderBody({ note: 'HERE' })).split('HERE');
    const payload = Buffer.concat([Buffer.from(head), bytes, Buffer.from(tail)]);
    const reply = await api.app.inject({ method: 'POST', url: '/v1/orders', headers: json, payload });
    expect(reply.json()).toMatchObject({ status: 400, code: 'invalid_utf8' });
  });

  test('with the allowed methods', async () => {
    const reply = await api.send('DELETE', '/v1/orders');
    expect(String(reply.headers['allow']).split(', ').toSorted()).toEqual(['GET', 'HEAD', 'POST']);
  });

  test('with the key and the correlation id that the client sent', async () => {
    const headers = { 'idempotency-key': 'k-1', 'x-correlation-id': 'r-1' };
    const reply = await api.post('/v1/orders', { body: {}, headers });
    expect(reply.headers).toMatchObject({ 'idempotency-key': 'k-1', 'x-correlation-id': 'r-1' });
    expect(reply.body.correlationId).toBe('r-1');
  });

  test('with a key that the API makes, which is the correlation id too', async () => {
    const reply = await api.post('/v1/orders', { body: {} });
    expect(reply.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(reply.headers['x-correlation-id']).toBe(reply.headers['idempotency-key']);
  });
});

describe('what cannot be read as a request is answered with', () => {
  let port: number;
  beforeAll(async () => {
    port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
  });

  async function exchange(sent: string | Buffer): Promise<Reply> {
    const socket = connect(port, '127.0.0.1');
    socket.write(sent);
    const [head = '', body = ''] = (await allText(socket)).split('\r\n\r\n');
    const [statusLine = '', ...headerLines] = head.split('\r\n');
    const headers = Object.fromEntries(headerLines.map((header) => header.split(': ')));
    return {
      status: Number(statusLine.split(' ')[1]),
      headers,
      body: body === '' ? undefined : JSON.parse(body),
    };
  }

  const lastHeaders = 'host: localhost\r\nconnection: close\r\n\r\n';

  test.each(['QUERY', 'PROPFIND', 'TRACE', 'BREW'])('405 for the method %s', async (method) => {
    const reply = await exchange(`${method} /v1/orders HTTP/1.1\r\n${lastHeaders}`);
    expectProblem(reply, 405);
    expect(String(reply.headers['allow'])).toContain('GET, HEAD, POST');
  });

  test('400 for a URL that is not ASCII', async () => {
    expectProblem(await exchange(Buffer.from(`GET /v1/orders?q=\u00e9 HTTP/1.1\r\n${lastHeaders}`)), 400);
  });

  test.each(['', 'content-type: application/json\r\n'])(
    'the same status for an empty chunked body as for no body: %j',
    async (type) => {
      const path = `/v1/orders/${randomUUID()}/release`;
      const chunked = `transfer-encoding: chunked\r\n${type}${lastHeaders}0\r\n\r\n`;
      const without = await api.post(path);
      expect(without).toMatchObject({ status: 404, body: { code: 'order_not_found' } });
      const reply = await exchange(`POST ${path} HTTP/1.1\r\n${chunked}`);
      expect(reply).toMatchObject({ status: 404, body: { code: 'order_not_found' } });
      expectProblem(await exchange(`POST /v1/orders HTTP/1.1\r\n${chunked}`), 400);
    },
  );

  test.each([
    [414, 'url_too_long', `GET /v1/orders/${'x'.repeat(5_000)} HTTP/1.1\r\n${lastHeaders}`],
    [431, 'headers_too_large', `GET / HTTP/1.1\r\nhost: x\r\nx-much: ${'x'.repeat(17 * 1024)}\r\n\r\n`],
    [400, 'malformed_request', 'what is this\r\n\r\n'],
    [400, 'malformed_request', 'POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n'],
  ])('%d %s', async (status, code, sent) => {
    const reply = await exchange(sent);
    expectProblem(reply, status);
    expect(reply.body.code).toBe(code);
    expect(reply.headers['x-correlation-id']).toBe(reply.body.correlationId);
  });
});

test('a client that disconnects before its body has arrived is not an outage of the server', async () => {
  const logged: string[] = [];
  const app = await createHttp(pino({ level: 'warn' }, { write: (text: string) => void logged.push(text) }));
  const answered: number[] = [];
  app.addHook('onSend', async (_request, reply) => void answered.push(reply.statusCode));
  let isReading = false;
  app.addHook('preParsing', async () => {
    isReading = true;
  });
  app.post('/upload', { config: { access: 'open' } }, () => 'done');
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    'POST /upload HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
  );
  await until(() => expect(isReading).toBe(true));
  socket.resetAndDestroy();
  await until(() => expect(answered).toEqual([400]));
  expect(logged).toEqual([]);
  await app.close();
});

test('an unexpected error is a 500 without details, and is logged under the correlation id', async () => {
  const logged: string[] = [];
  const app = await createHttp(pino({ level: 'error' }, { write: (text: string) => void logged.push(text) }));
  app.get('/broken', { config: { access: 'open' } }, () => {
    throw new Error('the password is swordfish');
  });
  const response = await app.inject({ url: '/broken', headers: { 'x-correlation-id': 'r-7' } });
  expect(response.json()).toMatchObject({ status: 500, code: 'internal_error', correlationId: 'r-7' });
  expect(response.body).not.toContain('swordfish');
  expect(logged).toHaveLength(1);
  expect(JSON.parse(logged[0] ?? '')).toMatchObject({
    correlationId: 'r-7',
    err: { message: 'the password is swordfish' },
  });
  await app.close();
});

test.each(['https://127.0.0.1/x', 'https://[::1]/x', 'https://10.1.2.3', 'https://0x7f.1'])(
  'an endpoint of webhooks that could never receive anything is refused: %s',
  async (url) => {
    const reply = await api.post('/v1/webhook-endpoints', { body: { url } });
    expect(reply).toMatchObject({
      status: 422,
      body: { code: 'invalid_url', detail: expect.stringContaining('WEBHOOKS_ALLOW_PRIVATE=on') },
    });
  },
);

test('none of these requests starts a workflow or writes an event, and a valid request does', async () => {
  const id = randomUUID();
  expect((await api.post('/v1/orders', { body: orderBody({ id }) })).status).toBe(201);
  await until(async () => expect(await workflowsStarted()).not.toEqual([]));
  expect(await workflowsStarted()).toEqual([`order-${id}`]);
  expect(await api.mongo.db.collection('order_events').countDocuments()).toBe(0);
});
