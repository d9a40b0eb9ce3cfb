import { randomUUID } from 'node:crypto';
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { stockInventory } from '../../../src/effects/inventory/inventory.js';
import { countStock } from '../../../src/effects/inventory/stock-counts.js';
import { beginRestore, endRestore, restoreStock } from '../../../src/effects/inventory/stock-restore.js';
import { stockState, stockStates } from '../../../src/effects/inventory/stock-state.js';
import { movements, isStockEffect, stock } from '../../../src/effects/inventory/stock.js';
import { effectsOf } from '../../../src/effects/proof/settled-effects.js';
import { versionInKey } from '../../../src/log/effect.js';
import { insertIntoJournal } from '../../../src/log/journal/append-to-journal.js';
import { journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { fold } from '../../../src/order/evolve.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';
import { setUpStock } from '../../support/stock.js';

const database = await openDatabase();
const { db } = database;
const { deduct, release, reserve, restock } = stockInventory(db);
afterAll(() => database.close());
beforeEach(async () => {
  await Promise.all(
    [stock(db), movements(db), stockStates(db), journal(orderLog, db)].map((one) => one.deleteMany({})),
  );
  await setUpStock(db);
});

const names = ['confirmed', 'rejected', 'cancelled', 'refunded', 'completed', 'remainderCancelled'] as const;

/** Performs the stock effects that the log proves, as the activities do. */
async function perform(events: readonly OrderEvent[]): Promise<void> {
  for (const { effect, event } of effectsOf({ events })?.settled ?? []) {
    if (!isStockEffect(effect) || event.type === 'StockRefused') continue;
    const { type } = effect;
    if (type === 'reserve') await reserve(effect);
    if (type === 'release') await release(effect);
    if (type === 'deduct') await deduct(effect);
    if (type === 'restock') await restock(effect);
  }
}

async function contents() {
  const goods = await stock(db)
    .find({}, { projection: { updatedAt: 0 } })
    .sort({ _id: 1 })
    .toArray();
  const moved = await movements(db)
    .find({}, { projection: { at: 0 } })
    .sort({ _id: 1 })
    .toArray();
  return { goods, moved };
}

test.each([0, 1, 3, 100])(
  'movements that a backup lacks are restored exactly, whichever it has: the first %d',
  async (kept) => {
    const logs = names.filter((name) => name !== 'rejected').map((name) => logOf(states[name], randomUUID()));
    for (const log of logs) await perform(log);
    const whole = await contents();
    expect(whole.moved.length).toBeGreaterThan(8);
    await Promise.all([stock(db), movements(db)].map((one) => one.deleteMany({})));
    for (const log of logs) await perform(log.slice(0, kept));
    // Concurrent and repeated restores change nothing.
    await Promise.all(
      [1, 2].map(() =>
        restoreStock(
          db,
          logs.map((events) => ({ events })),
        ),
      ),
    );
    await restoreStock(
      db,
      logs.map((events) => ({ events })),
    );
    expect(await contents()).toEqual(whole);
  },
);

test('a refusal is restored, so its key keeps the same answer', async () => {
  const events = logOf(states.rejected, randomUUID());
  const [first] = effectsOf({ events })?.settled ?? [];
  if (first?.effect.type !== 'reserve') throw new Error('It was not refused.');
  await restoreStock(db, [{ events }]);
  expect(await reserve(first.effect)).toMatchObject({ type: 'out_of_stock' });
  expect(await stock(db).countDocuments()).toBe(0);
});

test('if more is reserved than is on hand, the SKU has to be counted after the restore', async () => {
  const events = logOf(states.confirmed, randomUUID());
  const [line] = fold(events)?.reserved ?? [];
  if (line === undefined) throw new Error('Nothing is reserved.');
  const { sku, quantity } = line;
  await countStock(db, { sku, onHand: quantity - 1, issuer: 'ada', key: randomUUID() });
  await beginRestore(db);
  await restoreStock(db, [{ events }]);
  expect(await stock(db).findOne({ _id: sku })).not.toHaveProperty('toBeCounted');
  await endRestore(db);
  expect(await stock(db).findOne({ _id: sku })).toMatchObject({
    onHand: quantity - 1,
    reserved: quantity,
    toBeCounted: true,
  });
  expect(await stockState(db)).not.toHaveProperty('restoringSince');
});

test('a SKU has to be counted again only if its count is lost', async () => {
  const counts = [
    ['lost', 1],
    ['older', 2],
    ['known', 1],
  ] as const;
  for (const sku of ['older', 'known', 'never'])
    await countStock(db, { sku, onHand: 5, issuer: 'ada', key: sku });
  await stockStates(db).updateOne(
    { _id: 'stock' },
    { $set: { outdated: { cause: 'older', since: 'now', counts } } },
  );
  await beginRestore(db);
  await endRestore(db);
  const uncounted = await stock(db).find({ toBeCounted: true }).sort({ _id: 1 }).toArray();
  expect(uncounted).toMatchObject([
    // The list of what needs an operator is sorted by `updatedAt`.
    { sku: 'lost', onHand: 0, counts: 1, updatedAt: expect.any(String) },
    { sku: 'older', onHand: 5, counts: 2, updatedAt: expect.any(String) },
  ]);
  expect(await stockState(db)).not.toHaveProperty('outdated');
});

test.each(['lost', 'older'] as const)(
  'if more counts were noted than can be listed, every SKU has to be counted (%s)',
  async (cause) => {
    for (const sku of ['A-1', 'A-2']) await countStock(db, { sku, onHand: 5, issuer: 'ada', key: sku });
    await stockStates(db).updateOne(
      { _id: 'stock' },
      { $set: { outdated: { cause, since: 'now', counts: 'many' } } },
    );
    await beginRestore(db);
    await endRestore(db);
    expect(await stock(db).countDocuments({ toBeCounted: true })).toBe(2);
    const lines = [{ sku: 'A-3', quantity: 1 }];
    const effect = { type: 'reserve', key: 'o-1:reserve:1', correlationId: 'test', lines } as const;
    await expect(reserve(effect)).rejects.toThrow('A-3: must be counted');
  },
);

test('a SKU that is restored after more counts were lost than were noted has to be counted', async () => {
  await stockStates(db).updateOne({ _id: 'stock' }, { $set: { countsAreLost: true } });
  await restoreStock(db, [{ events: logOf(states.confirmed, randomUUID()) }]);
  await stockStates(db).updateOne({ _id: 'stock' }, { $unset: { countsAreLost: '' } });
  const restored = await stock(db).find().toArray();
  expect(restored).not.toEqual([]);
  for (const one of restored) expect(one).toMatchObject({ onHand: 0, toBeCounted: true });
});

test('goods that only the log has reserved can still leave', async () => {
  const events = logOf(states.completed, randomUUID());
  await insertIntoJournal(orderLog, db, events);
  const settled = effectsOf({ events })?.settled ?? [];
  const deducting = settled.map(({ effect }) => effect).find(({ type }) => type === 'deduct');
  if (deducting?.type !== 'deduct') throw new Error('Nothing was deducted.');
  await journal(orderLog, db).deleteMany({ version: { $gt: versionInKey(deducting.key) } });
  expect(await deduct(deducting)).toEqual({ type: 'done' });
  for (const { reserved } of await stock(db).find().toArray()) expect(reserved).toBe(0);
});

test('an order’s reservations are known from the run that took it over, if its first events are lost', async () => {
  const events = logOf(states.completed, randomUUID());
  const deducted = events.findIndex(({ type }) => type === 'StockDeducted');
  const base = fold(events.slice(0, deducted));
  if (base === undefined) throw new Error('The log is empty.');
  const log = { events: events.slice(deducted), base };
  await restoreStock(db, [log]);
  await restoreStock(db, [log]);
  const goods = await stock(db).find().toArray();
  for (const one of goods) expect(one).toMatchObject({ reserved: 0, toBeCounted: true });
  expect(await movements(db).countDocuments({ type: 'carried' })).toBe(1);
});
