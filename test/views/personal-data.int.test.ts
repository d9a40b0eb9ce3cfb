import { randomBytes, randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { openAll } from '../../src/sealing/opening.js';
import { sealed } from '../../src/api/commands/gateway/sealed-commands.js';
import { views } from '../../src/views/views.js';
import { caughtUp, openViews, publish } from '../log/views/support.js';
import { states } from '../order/examples.js';
import { logOf } from '../support/database.js';

const { db, run } = await openViews();
const key = { keyId: 'abcdefghijkl', key: randomBytes(32) };
const keys = { openingKeys: async () => new Map([[key.keyId, key.key]]) };

test('the personal data in each answer of a view can be opened', async () => {
  const orderId = randomUUID();
  const log = logOf(states.readyToDispatch, orderId).map((event) =>
    event.type === 'OrderCreated'
      ? { ...event, data: sealed({ orderId, type: 'CreateOrder', data: event.data }, key) }
      : event,
  );
  for (const view of views) run(view);
  await publish(db, log);
  const named: string[] = [];
  for (const view of views) {
    await caughtUp(db, view);
    for (const query of view.queries) {
      const { path } = query;
      const given = { customerId: 'c-1', sku: 'A-1' };
      const { found } = await query.run(db, { keys: given, filters: {}, page: { limit: 10 } });
      expect({ path, found }).toEqual({ path, found: expect.any(Object) });
      const { value, personalData } = await openAll(keys, { ...Object(found) });
      expect({ path, personalData }).toEqual({ path, personalData: 'open' });
      if (inspect(value, { depth: null }).includes('Ada Example')) named.push(path);
    }
  }
  expect(named).toEqual(['/v1/customers/:customerId', '/v1/views/awaiting-dispatch']);
});
