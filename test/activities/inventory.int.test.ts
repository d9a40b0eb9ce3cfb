import { afterAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { deduct, release, reserve, restock } from '../../src/activities/inventory.js';
import { countStock } from '../../src/activities/stock-counts.js';
import { getStock, listStock, movements as movementsIn, stock } from '../../src/activities/stock.js';
import { stockStates } from '../../src/activities/stock-state.js';
import type { LineQuantity } from '../../src/domain/commands.js';
import type { EffectOf } from '../../src/domain/effects.js';
import { foundStock } from '../support/stock.js';
import { openDatabase } from './database.js';

const database = openDatabase();
const { db } = database;
await foundStock(db);
afterAll(() => database.close());

const movements = movementsIn(db);

function sku(): string {
  return `S-${randomUUID()}`;
}

/** An effect of an order of its own. */
function effect<T extends 'reserve' | 'release'>(type: T, ...lines: readonly LineQuantity[]) {
  return { key: `${randomUUID()}:${type}:1`, correlationId: 'test', type, lines };
}

function deduction(...lines: readonly LineQuantity[]): EffectOf<'deduct'> {
  return { key: `${randomUUID()}:deduct:1`, correlationId: 'test', type: 'deduct', shipmentId: 's1', lines };
}

function times<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => act(index)));
}

async function setStock(item: string, onHand: number, more: { key?: string; issuer?: string } = {}) {
  return (await countStock(db, { sku: item, onHand, issuer: 'anonymous', key: randomUUID(), ...more })).stock;
}

async function countsOf(item: string) {
  const { onHand, reserved } = (await getStock(db, item)).stock;
  return { onHand, reserved };
}

test('a SKU nobody has set has 1,000 on hand, and one that starts with OUT- none', async () => {
  const [known, out] = [sku(), `OUT-${randomUUID()}`];
  expect((await getStock(db, known)).stock).toStrictEqual({ sku: known, onHand: 1_000, reserved: 0 });
  expect(await reserve(db, effect('reserve', { sku: known, quantity: 2 }))).toStrictEqual({
    type: 'reserved',
  });
  expect((await getStock(db, known)).stock).toMatchObject({ sku: known, onHand: 1_000, reserved: 2 });
  expect(await reserve(db, effect('reserve', { sku: out, quantity: 1 }))).toStrictEqual({
    type: 'out_of_stock',
    missing: [{ sku: out, requested: 1, available: 0 }],
  });
});

test('goods are promised, leave, and come back', async () => {
  const item = sku();
  const line = { sku: item, quantity: 3 };
  await reserve(db, effect('reserve', line));
  await release(db, effect('release', { sku: item, quantity: 1 }));
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 2 });
  await deduct(db, deduction({ sku: item, quantity: 2 }));
  expect(await countsOf(item)).toStrictEqual({ onHand: 998, reserved: 0 });
  const key = `${randomUUID()}:restock:9`;
  const lines = [{ sku: item, quantity: 1 }];
  await restock(db, { key, correlationId: 'test', type: 'restock', returnId: 'r1', lines });
  expect(await countsOf(item)).toStrictEqual({ onHand: 999, reserved: 0 });
  expect(await movements.findOne({ _id: key })).toMatchObject({
    orderId: key.split(':')[0],
    type: 'restock',
  });
});

test('all of the lines are promised, or none: each that lacks is named', async () => {
  const [plenty, few, none] = [sku(), sku(), `OUT-${randomUUID()}`];
  await setStock(few, 2);
  const wanted = [
    { sku: none, quantity: 1 },
    { sku: plenty, quantity: 1 },
    { sku: few, quantity: 3 },
  ];
  expect(await reserve(db, effect('reserve', ...wanted))).toStrictEqual({
    type: 'out_of_stock',
    missing: [
      { sku: none, requested: 1, available: 0 },
      { sku: few, requested: 3, available: 2 },
    ],
  });
  expect(await countsOf(plenty)).toStrictEqual({ onHand: 1_000, reserved: 0 });
  expect(await countsOf(few)).toStrictEqual({ onHand: 2, reserved: 0 });
});

test('one key has one effect, however many ask at once, and all get the same answer', async () => {
  const item = sku();
  const reserving = effect('reserve', { sku: item, quantity: 5 });
  const answers = await times(20, () => reserve(db, reserving));
  expect(new Set(answers.map(({ type }) => type))).toStrictEqual(new Set(['reserved']));
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 5 });

  const deducting = deduction({ sku: item, quantity: 5 });
  await times(20, () => deduct(db, deducting));
  expect(await countsOf(item)).toStrictEqual({ onHand: 995, reserved: 0 });
});

test('a refusal stands for its key, even when there is stock later', async () => {
  const item = sku();
  await setStock(item, 1);
  const refused = effect('reserve', { sku: item, quantity: 2 });
  const first = await times(20, () => reserve(db, refused));
  await setStock(item, 100);
  const later = await reserve(db, refused);
  for (const answer of [...first, later]) {
    expect(answer).toStrictEqual({
      type: 'out_of_stock',
      missing: [{ sku: item, requested: 2, available: 1 }],
    });
  }
  expect(await countsOf(item)).toStrictEqual({ onHand: 100, reserved: 0 });
});

test('many orders for the last goods get exactly what there is', async () => {
  const items = [sku(), sku(), sku()];
  await Promise.all(items.map((item) => setStock(item, 7)));
  const answers = await times(20, (index) => {
    const lines = items.map((item) => ({ sku: item, quantity: 1 }));
    return reserve(db, effect('reserve', ...(index % 2 === 0 ? lines : lines.toReversed())));
  });
  expect(answers.filter(({ type }) => type === 'reserved')).toHaveLength(7);
  for (const item of items) expect(await countsOf(item)).toStrictEqual({ onHand: 7, reserved: 7 });
});

test('a hundred orders for one SKU nobody has touched before are all served', async () => {
  const item = sku();
  const answers = await times(100, () => reserve(db, effect('reserve', { sku: item, quantity: 10 })));
  expect(answers.filter(({ type }) => type === 'reserved')).toHaveLength(100);
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 1_000 });
});

test('what was never promised can neither be released nor leave: no number gets negative, and the try can be repeated', async () => {
  const item = sku();
  const releasing = effect('release', { sku: item, quantity: 1 });
  await expect(release(db, releasing)).rejects.toThrow('less is in stock than was promised');
  await expect(deduct(db, deduction({ sku: item, quantity: 1 }))).rejects.toThrow('less is in stock');
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 0 });
  await reserve(db, effect('reserve', { sku: item, quantity: 1 }));
  await release(db, releasing);
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 0 });
});

test('the stock can be counted anew, but not below what is reserved', async () => {
  const item = sku();
  expect(await setStock(item, 5)).toMatchObject({ sku: item, onHand: 5, reserved: 0 });
  await reserve(db, effect('reserve', { sku: item, quantity: 4 }));
  await expect(setStock(item, 3)).rejects.toMatchObject({ code: 'stock_reserved', reserved: 4 });
  expect(await setStock(item, 4)).toMatchObject({ onHand: 4, reserved: 4 });
  expect(await movements.countDocuments({ type: 'set', 'lines.sku': item })).toBe(2);
});

test('stock is listed page by page, by SKU', async () => {
  const prefix = sku();
  const items = ['a', 'b', 'c'].map((end) => `${prefix}-${end}`);
  await Promise.all(items.map((item, index) => setStock(item, index)));
  const page = await listStock(db, { after: `${prefix}-a`, limit: 2 });
  expect(page.map(({ sku: item, onHand }) => [item, onHand])).toStrictEqual([
    [`${prefix}-b`, 1],
    [`${prefix}-c`, 2],
  ]);
  expect((await listStock(db, { limit: 1 })).map(({ sku: item }) => item <= `${prefix}-a`)).toStrictEqual([
    true,
  ]);
});
