import { expect, test } from '@jest/globals';
import { logs } from '../../../src/entity-logs.js';
import { storesOf } from '../../../src/log/entity-log/entity-log.js';
import { addressOf } from '../connections/serving.js';
import { runWithoutTemporal } from '../without-temporal.js';

const stores = logs.flatMap((log) => storesOf(log).map((name) => ({ name, log })));

test.each(stores)('exceptions of $name are told as what they are', async ({ name, log }) => {
  const { entity, cliLines } = log;
  const exceptions = { count: 2, orderIds: ['a', 'b'] };
  const feed = { head: 0, generation: 1, commonUntil: 0, unsequenced: 0, behindMs: 0 };
  const ORDERS_URL = await addressOf((request, response) => {
    response.setHeader('content-type', 'application/json');
    const store = { name, rebuildId: 'r1', at: '', exceptions };
    const answer =
      request.method === 'POST' ? { name, rebuildId: 'r1' } : { feed, views: [], stores: [store] };
    response.end(JSON.stringify(answer));
  });
  const listed = await runWithoutTemporal('projections', { ORDERS_URL });
  expect(listed.out).toContain(`${name}: 2 ${entity.name}s could not be rebuilt`);
  const rebuilt = await runWithoutTemporal(`rebuild ${name}`, { ORDERS_URL });
  expect(rebuilt.out).toContain(`except 2 ${entity.name}s that`);
  expect(rebuilt).toMatchObject({ exitCode: 1, err: expect.stringMatching(/^rebuilt_in_part: 2 /) });
  expect(rebuilt.err).toContain(`\`${cliLines.verify('<id>')}\``);
});
