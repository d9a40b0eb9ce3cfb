import type { RequestListener } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { follow, untilOrder } from '../../../src/cli/connections/order-events.js';
import type { Failure } from '../../../src/cli/script/failure.js';
import { create } from '../../order/examples.js';
import { Scenario } from '../../order/specification.js';
import { serving } from './serving.js';

const confirmed = Scenario.empty.do(create()).settle('reserve').settle('authorize').log;

/** Answers with a page of the two events after the requested version. */
const pages: RequestListener = ({ url = '' }, response) => {
  const after = Number(new URL(url, 'http://api').searchParams.get('after') ?? 0);
  const rest = confirmed.filter(({ version }) => version > after);
  const data = rest.slice(0, 2);
  const nextCursor = rest.length > 2 ? { nextCursor: String(data.at(-1)?.version) } : {};
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ data, ...nextCursor }));
};

describe('following an order', () => {
  test('continues over pages until its condition holds', async () => {
    const seen: number[] = [];
    const { order, reached } = await untilOrder(
      await serving(pages),
      'o-1',
      ({ status }) => status === 'confirmed',
      { withinMs: 10_000, onHappened: ({ event }) => seen.push(event.version) },
    );
    expect({ seen, reached, version: order?.version }).toEqual({
      seen: [1, 2, 3, 4],
      reached: true,
      version: 4,
    });
  });

  test('ends when the time is up', async () => {
    const api = await serving(pages);
    const { order, reached } = await untilOrder(api, 'o-1', ({ closed }) => closed, { withinMs: 2_000 });
    expect({ reached, version: order?.version }).toEqual({ reached: false, version: 4 });
  });

  test('ends when the time is up during a request', async () => {
    const api = await serving(() => undefined);
    const { order, reached } = await untilOrder(api, 'o-1', () => true, { withinMs: 100 });
    expect({ order, reached }).toEqual({ order: undefined, reached: false });
  });

  test('waits while the API is away, and misses nothing', async () => {
    let isAway = false;
    const api = await serving((request, response) => {
      if (isAway) response.writeHead(503).end();
      else if (request.url?.includes('after=') === true) pages(request, response);
      else response.writeHead(200).end(JSON.stringify({ data: confirmed.slice(0, 1) }));
    });
    const troubles: string[] = [];
    const seen: number[] = [];
    const onTrouble = ({ details }: Failure) => {
      troubles.push(details.code);
      isAway = false;
    };
    for await (const { event } of follow(api, 'o-1', { onTrouble })) {
      seen.push(event.version);
      isAway = event.version === 1;
      if (event.version === 4) break;
    }
    expect({ seen, troubles }).toEqual({ seen: [1, 2, 3, 4], troubles: ['http_503'] });
  });

  test('waits for an event that is recorded after the next one', async () => {
    let looks = 0;
    const api = await serving((_, response) => {
      looks += 1;
      const data =
        looks === 1 ? confirmed.slice(0, 1) : looks === 2 ? confirmed.slice(2) : confirmed.slice(1);
      response.end(JSON.stringify({ data }));
    });
    const seen: number[] = [];
    for await (const { event } of follow(api, 'o-1')) {
      seen.push(event.version);
      if (event.version === 4) break;
    }
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  test('fails for an unknown order', async () => {
    const api = await serving((_, response) => response.writeHead(404).end());
    const following = follow(api, 'o-1');
    await expect(following.next()).rejects.toMatchObject({ exitCode: 3 });
  });
});
