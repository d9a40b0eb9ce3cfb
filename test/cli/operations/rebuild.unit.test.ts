import { describe, expect, test } from '@jest/globals';
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
