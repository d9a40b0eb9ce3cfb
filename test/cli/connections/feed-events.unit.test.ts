import { expect, test } from '@jest/globals';
import { connectApi } from '../../../src/cli/connections/api.js';
import { followFeed, serverSent } from '../../../src/cli/connections/feed-events.js';
import { Failure } from '../../../src/cli/script/failure.js';
import { serving } from './serving.js';

test('the feed is followed after the last received event, whenever the connection ends', async () => {
  /** The id after which each connection resumed. */
  const resumed: (string | undefined)[] = [];
  const api = await serving((request, response) => {
    resumed.push(request.headers['last-event-id'] as string | undefined);
    const id = resumed.length;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`: keep-alive\n\nid: ${id}\ndata: {"position":${id}}\n\nid: cut`);
    // The first connection breaks off, the second ends.
    if (id === 1) setImmediate(() => response.destroy());
    else response.end();
  });
  const positions: number[] = [];
  for await (const event of followFeed(api, () => undefined)) {
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
