import { describe, expect, test } from '@jest/globals';
import { stateOf } from '../../../src/cli/operations/rebuild.js';
import { logs } from '../../../src/entity-logs.js';
import { addressOf } from '../connections/serving.js';
import { runWithoutTemporal } from '../without-temporal.js';

const journals = logs.map(({ journalRebuild }) => journalRebuild);

/** An API that rebuilds at once. It answers 503 to the looks whose numbers are given. */
async function rebuilding(away: readonly number[] = []) {
  const requested: string[] = [];
  let looks = 0;
  const ORDERS_URL = await addressOf(({ method, url = '' }, response) => {
    response.setHeader('content-type', 'application/json');
    const [, name = ''] = /projections\/([\w-]+)\/rebuild/.exec(url) ?? [];
    if (method === 'POST') {
      requested.push(name);
      response.writeHead(202).end(JSON.stringify({ name, rebuildId: `r-${name}` }));
    } else if (url.startsWith('/v1/projections')) {
      looks += 1;
      if (away.includes(looks)) response.statusCode = 503;
      const stores = requested.map((one) => ({ name: one, rebuildId: `r-${one}` }));
      response.end(JSON.stringify({ feed: {}, views: [], stores }));
    } else response.end(JSON.stringify({ dependencies: [] }));
  });
  return { ORDERS_URL, requested };
}

describe('rebuild --from history', () => {
  test('restores the journal of every kind of entity, and prints a line for each', async () => {
    const { requested, ...env } = await rebuilding();
    expect(await runWithoutTemporal('rebuild --from history', env)).toEqual({
      exitCode: 0,
      out: journals.map((name) => `${name} is rebuilt`).join('\n'),
      err: '',
    });
    expect(requested).toEqual(journals);
  });

  test.each(['', ' --no-wait'])('prints one JSON value%s', async (option) => {
    const { requested: _, ...env } = await rebuilding();
    const { out } = await runWithoutTemporal(`rebuild --from history --json${option}`, env);
    expect(JSON.parse(out)).toEqual(journals.map((name) => ({ name, rebuildId: `r-${name}` })));
  });
});

test('a rebuild is waited for while the API is away, which is said once', async () => {
  const { requested: _, ...env } = await rebuilding([1, 2, 3]);
  const { exitCode, out, err } = await runWithoutTemporal('rebuild orders', env);
  expect({ exitCode, out }).toEqual({ exitCode: 0, out: 'orders is rebuilt' });
  expect(err).toMatch(/^the API at \S+ answered 503; waiting for it$/);
});

describe('a requested rebuild', () => {
  const progress = { startedAt: new Date(0).toISOString(), done: 1, total: 2, perSecond: 1 };
  const underWay = (rebuildId: string) => ({ rebuildId: 'r-0', rebuilding: { rebuildId, ...progress } });
  const done = (rebuildId: string) => ({ rebuildId });

  test.each([
    ['waits until it begins', undefined, done('r-0'), 'waiting'],
    ['waits until it begins', done('r-0'), done('r-0'), 'waiting'],
    ['waits while it is not listed', underWay('r-1'), undefined, 'waiting'],
    ['waits while another one is under way', underWay('r-0'), underWay('r-0'), 'waiting'],
    ['waits while it is under way', done('r-0'), underWay('r-1'), 'waiting'],
    ['is done', underWay('r-1'), done('r-1'), 'done'],
    ['is overtaken by one that begins', underWay('r-1'), underWay('r-2'), 'overtaken'],
    ['is overtaken by one that is done', done('r-0'), done('r-2'), 'overtaken'],
  ])('%s', (_, before, status, state) => {
    expect(stateOf('r-1', status, before)).toBe(state);
  });
});
