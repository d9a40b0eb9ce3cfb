import { afterEach, expect, jest, test } from '@jest/globals';
import { get, request } from '../../src/web/api.js';

afterEach(() => {
  jest.restoreAllMocks();
});

/** Answers with a body that fails while it is read. */
function failReading(error: Error): void {
  const body = () => new ReadableStream({ pull: (stream) => stream.error(error) });
  jest.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(body()));
}

test('an answer that breaks off does not count as an answer', async () => {
  failReading(new TypeError('terminated'));
  await expect(get('/v1/stock')).rejects.toMatchObject({ status: 0, code: 'unreachable' });
});

test('a request that is aborted while its answer is read has no answer', async () => {
  failReading(new DOMException('aborted', 'AbortError'));
  await expect(get('/v1/stock')).rejects.toMatchObject({ name: 'AbortError' });
});

test('an answer without a body is an answer', async () => {
  jest.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response(undefined, { status: 204 }));
  expect(await request('/v1/session', { method: 'DELETE' })).toMatchObject({ status: 204, body: undefined });
});
