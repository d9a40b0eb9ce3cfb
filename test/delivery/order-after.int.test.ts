import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { foldOrder } from '../../src/delivery/order-after.js';
import { appendToJournal } from '../../src/log/journal/append-to-journal.js';
import { journal } from '../../src/log/journal/journal.js';
import { orderLog } from '../../src/order-log.js';
import { states } from '../order/examples.js';
import { logOf, openDatabase } from '../support/database.js';

const database = await openDatabase();
const { db } = database;
afterAll(() => database.close());

test.each([{ last: 0 }, { last: 5 }])(
  'no order is folded past a lost event (last: $last)',
  async ({ last }) => {
    const orderId = randomUUID();
    await appendToJournal(orderLog, db, logOf(states.completed, orderId));
    await journal(orderLog, db).deleteOne({ orderId, version: 4 });
    await journal(orderLog, db).updateOne({ orderId, version: 5 }, { $set: { begins: true } });
    const orderAfter = foldOrder(db, orderId, { last });
    const third = await orderAfter(3);
    expect(third).toMatchObject({ version: 3 });
    await expect(orderAfter(5)).rejects.toThrow(`the journal lacks version 4 of the order ${orderId}`);
    await expect(orderAfter(6)).rejects.toThrow('the journal lacks version 4');
    expect(await orderAfter(3)).toEqual(third);
  },
);

test.each([{ last: 0 }, { last: 9 }])(
  'no older order stands for one whose last events are lost (last: $last)',
  async ({ last }) => {
    const orderId = randomUUID();
    const log = logOf(states.completed, orderId);
    await appendToJournal(orderLog, db, log);
    await journal(orderLog, db).deleteMany({ orderId, version: { $gt: 3 } });
    const orderAfter = foldOrder(db, orderId, { last });
    for (const version of [4, 6])
      await expect(orderAfter(version)).rejects.toThrow(
        `the journal lacks version 4 of the order ${orderId}`,
      );
    expect(await orderAfter(3)).toMatchObject({ version: 3 });
    // They come back, as when a backup is restored.
    await appendToJournal(orderLog, db, log.slice(3));
    expect(await orderAfter(6)).toMatchObject({ version: 6 });
  },
);

test('an order without events in the journal is an incomplete log', async () => {
  const orderId = randomUUID();
  await expect(foldOrder(db, orderId)(1)).rejects.toThrow(`lacks version 1 of the order ${orderId}`);
});
