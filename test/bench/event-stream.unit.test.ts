import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type EventStream, openEventStream } from './harness/event-stream.js';

const text = 'data: Žižkov\n\n';

/** The answer to the latest request. */
let answer: ServerResponse;
const server = createServer((_request, response) => {
  answer = response;
  response.write(text);
});
let url: string;
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => void server.close());

test.each<[string, () => void]>([
  ['its connection breaks', () => answer.destroy()],
  ['the server ends it', () => answer.end()],
])('the reader of an event stream is told if %s', async (_how, end) => {
  const broken = await new Promise<Error>((resolve, reject) => {
    openEventStream(url, end, resolve).catch(reject);
  });
  expect(broken.message).toBe(`The event stream of ${url} has ended (HTTP 200).`);
});

test('an event stream counts bytes, and tells nothing when its reader closes it', async () => {
  const breaks: Error[] = [];
  const stream = await new Promise<EventStream>((resolve, reject) => {
    const onEvent = (_data: string, opened: EventStream) => resolve(opened);
    openEventStream(url, onEvent, (error) => breaks.push(error)).catch(reject);
  });
  expect(stream.bytes()).toBe(Buffer.byteLength(text));
  stream.close();
  await once(answer, 'close');
  expect(breaks).toEqual([]);
});
