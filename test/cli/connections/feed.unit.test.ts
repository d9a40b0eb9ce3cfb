import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectApi } from '../../../src/cli/connections/api.js';
import { followFeed, serverSent } from '../../../src/cli/connections/feed.js';
import { Failure } from '../../../src/cli/script/failure.js';
import { listen } from '../../support/listen.js';

/** The id after which each connection resumed. */
const resumed: (string | undefined)[] = [];
let server: Server;
let url: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    resumed.push(request.headers['last-event-id'] as string | undefined);
    const id = resumed.length;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`: keep-alive\n\nid: ${id}\ndata: {"position":${id}}\n\nid: cut`);
    // The first connection breaks off, the second ends.
    if (id === 1) setImmediate(() => response.destroy());
    else response.end();
  });
  url = `http://127.0.0.1:${await listen(server)}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test('the feed is followed after the last received event, whenever the connection ends', async () => {
  const positions: number[] = [];
  for await (const event of followFeed(connectApi(url), () => undefined)) {
    positions.push((event as unknown as { position: number }).position);
    if (positions.length === 3) break;
  }
  expect(positions).toEqual([1, 2, 3]);
  expect(resumed).toEqual([undefined, '1', '2']);
});

test('a feed that never answered is a failure', async () => {
  const feed = followFeed(connectApi('http://127.0.0.1:1'), () => undefined);
  await expect(feed.next()).rejects.toThrow(Failure);
});

test('an event that arrives in pieces is put together', async () => {
  async function* pieces() {
    for (const text of ['id: 1\nda', 'ta: {"name":"', 'Ž', '"}\n', '\n']) {
      const bytes = new TextEncoder().encode(text);
      yield bytes.subarray(0, 1);
      yield bytes.subarray(1);
    }
  }
  const found = [];
  for await (const event of serverSent(pieces())) found.push(event);
  expect(found).toEqual([{ id: '1', data: '{"name":"Ž"}' }]);
});
