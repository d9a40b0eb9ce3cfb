import { describe, expect, test } from '@jest/globals';
import { apiPath, connectApi } from '../../../src/cli/connections/api.js';
import { printExact } from '../../../src/cli/script/exact-json.js';
import { Failure, failureLine } from '../../../src/cli/script/failure.js';
import { addressOf, serving, stopServing } from './serving.js';

async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`expected a Failure, not ${String(error)}`);
}

test.each(['', '/', '/orders-api', '/orders-api/', '/a/b//'])(
  'an API under the path %s is requested there',
  async (path) => {
    const asked: (string | undefined)[] = [];
    const address = await addressOf((request, response) => {
      asked.push(request.url);
      response.end('{}');
    });
    const api = connectApi(`${address}${path}`);
    await api.get('/v1/orders', { limit: 1 });
    await api.put(apiPath`/v1/stock/${'A:1'}`, {});
    const prefix = path.replace(/\/+$/, '');
    expect(asked).toEqual([`${prefix}/v1/orders?limit=1`, `${prefix}/v1/stock/A%3A1`]);
  },
);

test('integers are read and printed to the last digit', async () => {
  const text =
    '{"sum":36028797018963964,"minus":-9007199254740993,"small":9007199254740991,"rate":0.12345678901234566,' +
    '"text":"of 36028797018963964, \\"9007199254740993\\"","list":[9007199254740993]}';
  const api = await serving((_, response) => response.end(text));
  const read = await api.get<Record<string, unknown>>('/v1/stats');
  expect(read).toMatchObject({ sum: 36_028_797_018_963_964n, minus: -9_007_199_254_740_993n });
  expect(read['small']).toBe(Number.MAX_SAFE_INTEGER);
  expect(printExact(read)).toBe(text);
});

describe('a refusal of the API becomes an exit code', () => {
  test.each([
    [400, 2],
    [401, 2],
    [404, 3],
    [409, 1],
    [412, 1],
    [413, 2],
    [422, 1],
    [500, 5],
    [503, 4],
  ])('%i: %i', async (status, exitCode) => {
    const api = await serving((_, response) =>
      response.writeHead(status, { 'content-type': 'application/problem+json' }).end(
        JSON.stringify({
          code: 'no',
          detail: 'It is so.',
          errors: [{ pointer: '/status', in: 'query', detail: 'is so' }],
          allowedCommands: ['notes'],
        }),
      ),
    );
    const failure = await failureOf(api.get('/v1/orders'));
    expect(failure.exitCode).toBe(exitCode);
    expect(failure.details).toEqual({
      code: 'no',
      message: 'It is so.',
      pointer: '/status',
      allowedCommands: ['notes'],
    });
  });

  test('for an answer that is not problem+json, for example of a proxy', async () => {
    const api = await serving((_, response) => response.writeHead(502).end('<html>'));
    expect(await failureOf(api.get('/'))).toMatchObject({ exitCode: 4, details: { code: 'http_502' } });
  });

  test('for a refused connection: 4, with the address and how to start the API', async () => {
    const address = await addressOf(() => undefined);
    stopServing();
    const failure = await failureOf(connectApi(address).get('/'));
    expect(failure).toMatchObject({ exitCode: 4, details: { code: 'api_unreachable' } });
    expect(failure.message).toContain(address);
    expect(failure.message).toContain('npm start');
  });

  test('for a server that cannot be reached: the reason', async () => {
    const failure = await failureOf(connectApi('http://nowhere.invalid').get('/'));
    expect(failure.message).toMatch(/cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/);
  });

  test('without control characters that the answer may contain', async () => {
    const detail = 'It is\u001b[2J so.';
    const api = await serving((_, response) =>
      response.writeHead(400).end(JSON.stringify({ code: 'no', detail })),
    );
    expect(failureLine(await failureOf(api.get('/')))).toBe('no: It is\uFFFD[2J so.');
  });

  test('for a connection that breaks during the answer: 4, because the command may have taken effect', async () => {
    const api = await serving((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"orderId"', () => response.destroy());
    });
    expect(await failureOf(api.post('/', {}))).toMatchObject({
      exitCode: 4,
      details: { code: 'api_unreachable', message: expect.stringContaining('has broken off its answer') },
    });
  });

  test('for a server that is not the API: 2, with its address and the option', async () => {
    const api = await serving((_, response) => response.end('<html>'));
    const failure = await failureOf(api.get('/'));
    expect(failure).toMatchObject({ exitCode: 2, details: { code: 'no_api' } });
    expect(failure.message).toContain(`${api.url} is not the API: say with --url`);
  });
});

test('an id cannot lead to another path', () => {
  expect(apiPath`/v1/orders/${'a/../b?c'}/events`).toBe('/v1/orders/a%2F..%2Fb%3Fc/events');
  for (const id of ['', '.', '..']) expect(() => apiPath`/v1/orders/${id}/events`).toThrow(Failure);
});
