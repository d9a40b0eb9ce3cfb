import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { stockInventory } from '../../../src/effects/inventory/inventory.js';
import { countStock } from '../../../src/effects/inventory/stock-counts.js';
import { stockStates } from '../../../src/effects/inventory/stock-state.js';
import {
  getStock,
  listStock,
  movements as movementsIn,
  stock,
} from '../../../src/effects/inventory/stock.js';
import type { LineQuantity } from '../../../src/order/commands.js';
import type { EffectOf } from '../../../src/order/effects.js';
import { openDatabase } from '../../support/database.js';
import { setUpStock } from '../../support/stock.js';
import { until } from '../../support/until.js';

const database = await openDatabase();
const { db } = database;
const { deduct, release, reserve, restock } = stockInventory(db);
await setUpStock(db);
afterAll(() => database.close());

const movements = movementsIn(db);

function sku(): string {
  return `S-${randomUUID()}`;
}

/** An effect of a new order. */
function effect<T extends 'reserve' | 'release'>(type: T, ...lines: readonly LineQuantity[]) {
  return { key: `${randomUUID()}:${type}:1`, correlationId: 'test', type, lines };
}

function deduction(...lines: readonly LineQuantity[]): EffectOf<'deduct'> {
  return { key: `${randomUUID()}:deduct:1`, correlationId: 'test', type: 'deduct', shipmentId: 's1', lines };
}

/**
 * Does something `count` times concurrently. Each is retried, as a step is, because on a busy
 * machine it may have to wait for longer than an attempt may take.
 */
function times<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => until(() => act(index))));
}

async function setStock(item: string, onHand: number, more: { key?: string; issuer?: string } = {}) {
  return (await countStock(db, { sku: item, onHand, issuer: 'anonymous', key: randomUUID(), ...more })).stock;
}

async function countsOf(item: string) {
  const { onHand, reserved } = (await getStock(db, item)).stock;
  return { onHand, reserved };
}

/** A database that calls `act` before each `findOne` of the collection. */
function beforeEachRead(real: Db, name: string, act: () => Promise<void>): Db {
  const collection = (one: string) => {
    const found = real.collection(one);
    if (one !== name) return found;
    const findOne = async (...args: Parameters<typeof found.findOne>) => {
      await act();
      return await real.collection(one).findOne(...args);
    };
    return Object.defineProperty(found, 'findOne', { value: findOne });
  };
  return Object.create(real, { collection: { value: collection } });
}

test('a SKU that was never set has 1,000 on hand, and one that starts with OUT- has none', async () => {
  const [known, out] = [sku(), `OUT-${randomUUID()}`];
  expect((await getStock(db, known)).stock).toStrictEqual({ sku: known, onHand: 1_000, reserved: 0 });
  expect(await reserve(effect('reserve', { sku: known, quantity: 2 }))).toStrictEqual({
    type: 'reserved',
  });
  expect((await getStock(db, known)).stock).toMatchObject({ sku: known, onHand: 1_000, reserved: 2 });
  expect(await reserve(effect('reserve', { sku: out, quantity: 1 }))).toStrictEqual({
    type: 'out_of_stock',
    missing: [{ sku: out, requested: 1, available: 0 }],
  });
});

test('goods are reserved, leave, and come back', async () => {
  const item = sku();
  const line = { sku: item, quantity: 3 };
  await reserve(effect('reserve', line));
  await release(effect('release', { sku: item, quantity: 1 }));
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 2 });
  await deduct(deduction({ sku: item, quantity: 2 }));
  expect(await countsOf(item)).toStrictEqual({ onHand: 998, reserved: 0 });
  const key = `${randomUUID()}:restock:9`;
  const lines = [{ sku: item, quantity: 1 }];
  await restock({ key, correlationId: 'test', type: 'restock', returnId: 'r1', lines });
  expect(await countsOf(item)).toStrictEqual({ onHand: 999, reserved: 0 });
  expect(await movements.findOne({ _id: key })).toMatchObject({
    orderId: key.split(':')[0],
    type: 'restock',
  });
});

test('all lines are reserved or none, and each line that is short is named', async () => {
  const [plenty, few, none] = [sku(), sku(), `OUT-${randomUUID()}`];
  await setStock(few, 2);
  const wanted = [
    { sku: none, quantity: 1 },
    { sku: plenty, quantity: 1 },
    { sku: few, quantity: 3 },
  ];
  expect(await reserve(effect('reserve', ...wanted))).toStrictEqual({
    type: 'out_of_stock',
    missing: [
      { sku: none, requested: 1, available: 0 },
      { sku: few, requested: 3, available: 2 },
    ],
  });
  expect(await countsOf(plenty)).toStrictEqual({ onHand: 1_000, reserved: 0 });
  expect(await countsOf(few)).toStrictEqual({ onHand: 2, reserved: 0 });
});

test('one key has one effect for any number of simultaneous callers, with the same answer for all', async () => {
  const item = sku();
  const reserving = effect('reserve', { sku: item, quantity: 5 });
  const answers = await times(20, () => reserve(reserving));
  expect(new Set(answers.map(({ type }) => type))).toStrictEqual(new Set(['reserved']));
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 5 });

  const deducting = deduction({ sku: item, quantity: 5 });
  await times(20, () => deduct(deducting));
  expect(await countsOf(item)).toStrictEqual({ onHand: 995, reserved: 0 });
});

test('a key that was used for other lines is refused, and changes nothing', async () => {
  const item = sku();
  const reserving = effect('reserve', { sku: item, quantity: 5 });
  await reserve(reserving);
  const other = { ...reserving, lines: [{ sku: item, quantity: 4 }] };
  await expect(reserve(other)).rejects.toThrow('was used for other lines');
  expect(await reserve(reserving)).toStrictEqual({ type: 'reserved' });
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 5 });
});

test('a refusal stays the answer to its key, even when there is stock later', async () => {
  const item = sku();
  await setStock(item, 1);
  const refused = effect('reserve', { sku: item, quantity: 2 });
  const first = await times(20, () => reserve(refused));
  await setStock(item, 100);
  const later = await reserve(refused);
  for (const answer of [...first, later]) {
    expect(answer).toStrictEqual({
      type: 'out_of_stock',
      missing: [{ sku: item, requested: 2, available: 1 }],
    });
  }
  expect(await countsOf(item)).toStrictEqual({ onHand: 100, reserved: 0 });
});

test('many orders for the last goods reserve exactly what there is', async () => {
  const items = [sku(), sku(), sku()];
  await Promise.all(items.map((item) => setStock(item, 7)));
  const lines = items.map((item) => ({ sku: item, quantity: 1 }));
  const reserving = Array.from({ length: 20 }, (_, index) =>
    effect('reserve', ...(index % 2 === 0 ? lines : lines.toReversed())),
  );
  const answers = await Promise.all(reserving.map((one) => until(() => reserve(one))));
  expect(answers.filter(({ type }) => type === 'reserved')).toHaveLength(7);
  for (const item of items) expect(await countsOf(item)).toStrictEqual({ onHand: 7, reserved: 7 });
});

test('a hundred orders for one SKU that was never set all get their goods', async () => {
  const item = sku();
  const reserving = Array.from({ length: 100 }, () => effect('reserve', { sku: item, quantity: 10 }));
  const answers = await Promise.all(reserving.map((one) => until(() => reserve(one))));
  expect(answers.filter(({ type }) => type === 'reserved')).toHaveLength(100);
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 1_000 });
});

test('goods that were not reserved can neither be released nor leave, and no number gets negative', async () => {
  const item = sku();
  const releasing = effect('release', { sku: item, quantity: 1 });
  await expect(release(releasing)).rejects.toThrow('fewer units are in stock than were reserved');
  await expect(deduct(deduction({ sku: item, quantity: 1 }))).rejects.toThrow('fewer units are in stock');
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 0 });
  await reserve(effect('reserve', { sku: item, quantity: 1 }));
  await release(releasing);
  expect(await countsOf(item)).toStrictEqual({ onHand: 1_000, reserved: 0 });
});

test('stock can be counted again, but not to less than what is reserved', async () => {
  const item = sku();
  expect(await setStock(item, 5)).toMatchObject({ sku: item, onHand: 5, reserved: 0 });
  await reserve(effect('reserve', { sku: item, quantity: 4 }));
  await expect(setStock(item, 3)).rejects.toMatchObject({ code: 'stock_reserved' });
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

describe('a count', () => {
  const count = (item: string, more: object = {}) =>
    countStock(db, { sku: item, onHand: 10, issuer: 'ada', key: `k-${item}`, ...more });

  test('that is repeated under its key has its first answer, even if goods have left since', async () => {
    const item = sku();
    const first = await count(item);
    expect(first).toMatchObject({ stock: { onHand: 10, reserved: 0 }, version: 2, isReplayed: false });
    await reserve(effect('reserve', { sku: item, quantity: 7 }));
    await deduct(deduction({ sku: item, quantity: 7 }));
    const again = await times(10, () => count(item));
    for (const one of again) expect(one).toStrictEqual({ ...first, isReplayed: true });
    expect(await countsOf(item)).toStrictEqual({ onHand: 3, reserved: 0 });
  });

  test('that is sent many times concurrently counts once', async () => {
    const item = sku();
    const answers = await times(10, () => count(item));
    expect(answers.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1);
    expect(await movements.countDocuments({ 'lines.sku': item })).toBe(1);
  });

  test('is refused under a key of another count, of this SKU or of another', async () => {
    const item = sku();
    await count(item);
    await expect(count(item, { onHand: 11 })).rejects.toMatchObject({ code: 'key_reused' });
    await expect(count(sku(), { key: `k-${item}` })).rejects.toMatchObject({ code: 'key_reused' });
    expect(await countsOf(item)).toStrictEqual({ onHand: 10, reserved: 0 });
  });

  test('has keys per issuer, which neither another issuer nor an effect can use', async () => {
    const item = sku();
    const reserving = effect('reserve', { sku: item, quantity: 1 });
    await count(item, { key: reserving.key });
    expect(await count(item, { issuer: 'bob', onHand: 20 })).toMatchObject({ isReplayed: false });
    expect(await count(item, { issuer: 'set', key: 'ada', onHand: 30 })).toMatchObject({ isReplayed: false });
    expect(await reserve(reserving)).toStrictEqual({ type: 'reserved' });
    expect(await countsOf(item)).toStrictEqual({ onHand: 30, reserved: 1 });
  });

  test('can expect a version, which changes with each change of the stock', async () => {
    const item = sku();
    const versions = [(await getStock(db, item)).version];
    const line = { sku: item, quantity: 2 };
    for (const change of [
      () => count(item, { expectedVersion: versions[0] }),
      () => reserve(effect('reserve', line)),
      () => release(effect('release', { sku: item, quantity: 1 })),
      () => deduct(deduction({ sku: item, quantity: 1 })),
      () =>
        restock({
          key: `${randomUUID()}:restock:9`,
          correlationId: 'test',
          type: 'restock',
          returnId: 'r1',
          lines: [line],
        }),
    ]) {
      await change();
      versions.push((await getStock(db, item)).version);
    }
    expect(new Set(versions).size).toBe(6);
    const stale = count(item, { key: 'later', expectedVersion: versions[1] });
    await expect(stale).rejects.toMatchObject({ code: 'stale_version', version: versions[5] });
    expect(await count(item, { key: 'later', expectedVersion: versions[5] })).toMatchObject({
      isReplayed: false,
    });
  });

  test.each<[string, object]>([
    ['lost', { outdated: { cause: 'lost', since: 'now', counts: [] } }],
    ['being restored', { restoringSince: 'now' }],
  ])('is refused while MongoDB is %s', async (_, state) => {
    const item = sku();
    await stockStates(db).updateOne({ _id: 'stock' }, { $set: state });
    await expect(count(item)).rejects.toMatchObject({ code: 'stock_restoring' });
    await stockStates(db).updateOne({ _id: 'stock' }, { $unset: { outdated: '', restoringSince: '' } });
    expect(await count(item)).toMatchObject({ isReplayed: false });
  });
});

describe('reservations wait, and are not refused as out of stock,', () => {
  const unknown = { name: 'StockUnknown' };

  test('while MongoDB is lost, or no process has checked yet', async () => {
    const [item, out] = [sku(), `OUT-${randomUUID()}`];
    await setStock(item, 5);
    const wanted = [
      effect('reserve', { sku: item, quantity: 1 }),
      effect('reserve', { sku: sku(), quantity: 1 }),
      effect('reserve', { sku: out, quantity: 1 }),
    ];
    const state = await stockStates(db).findOne();
    await stockStates(db).deleteMany({});
    for (const one of wanted) await expect(reserve(one)).rejects.toMatchObject(unknown);
    const outdated = { cause: 'lost', since: 'now', counts: [] } as const;
    await stockStates(db).insertOne({ ...state, _id: 'stock', database: 'x', comparisons: 1, outdated });
    for (const one of wanted) await expect(reserve(one)).rejects.toMatchObject(unknown);
    expect((await getStock(db, sku())).stock).toMatchObject({ toBeCounted: true });
    expect(await countsOf(item)).toStrictEqual({ onHand: 5, reserved: 0 });
    await stockStates(db).updateOne({ _id: 'stock' }, { $unset: { outdated: '' } });
    const answers = await Promise.all(wanted.map((one) => reserve(one)));
    expect(answers.map(({ type }) => type)).toEqual(['reserved', 'reserved', 'out_of_stock']);
  });

  test('while a restore runs, unless there is enough stock', async () => {
    const item = sku();
    await setStock(item, 5);
    await stockStates(db).updateOne({ _id: 'stock' }, { $set: { restoringSince: 'now' } });
    const [few, many] = [
      effect('reserve', { sku: item, quantity: 1 }),
      effect('reserve', { sku: item, quantity: 6 }),
    ];
    expect(await reserve(few)).toStrictEqual({ type: 'reserved' });
    await expect(reserve(many)).rejects.toMatchObject(unknown);
    await stockStates(db).updateOne({ _id: 'stock' }, { $unset: { restoringSince: '' } });
    expect(await reserve(many)).toMatchObject({ type: 'out_of_stock' });
  });

  test('if a restore ends while the missing stock is determined', async () => {
    const item = sku();
    await setStock(item, 0);
    const wanted = effect('reserve', { sku: item, quantity: 1 });
    const outdated = { cause: 'older', since: 'now', counts: [] } as const;
    await stockStates(db).updateOne({ _id: 'stock' }, { $set: { outdated } });
    let reads = 0;
    // The transaction reads the state first. The restore ends before the next read of the state.
    const restoring = beforeEachRead(db, 'stock_state', async () => {
      reads += 1;
      if (reads !== 2) return;
      await stock(db).updateOne({ _id: item }, { $set: { onHand: 5 } });
      await stockStates(db).updateOne({ _id: 'stock' }, { $unset: { outdated: '' } });
    });
    await expect(stockInventory(restoring).reserve(wanted)).rejects.toThrow('try again');
    expect(reads).toBe(2);
    expect(await reserve(wanted)).toStrictEqual({ type: 'reserved' });
  });

  test('until a SKU that has to be counted is counted', async () => {
    const [item, plenty] = [sku(), sku()];
    await setStock(item, 5);
    await stock(db).updateOne({ _id: item }, { $set: { toBeCounted: true } });
    const wanted = effect('reserve', { sku: plenty, quantity: 1 }, { sku: item, quantity: 9 });
    await expect(reserve(wanted)).rejects.toMatchObject(unknown);
    expect((await getStock(db, item)).stock).toMatchObject({ toBeCounted: true });
    const without = effect('reserve', { sku: plenty, quantity: 9_999 }, { sku: item, quantity: 9 });
    expect(await reserve(without)).toMatchObject({
      type: 'out_of_stock',
      missing: [{ sku: plenty, requested: 9_999 }],
    });
    expect(await setStock(item, 9)).not.toHaveProperty('toBeCounted');
    expect(await reserve(wanted)).toStrictEqual({ type: 'reserved' });
  });

  test('until a new SKU is counted, if more counts were lost than were noted', async () => {
    const [item, out] = [sku(), `OUT-${randomUUID()}`];
    await stockStates(db).updateOne({ _id: 'stock' }, { $set: { countsAreLost: true } });
    const wanted = effect('reserve', { sku: item, quantity: 1 });
    await expect(reserve(wanted)).rejects.toMatchObject(unknown);
    await expect(reserve(effect('reserve', { sku: out, quantity: 1 }))).rejects.toMatchObject(unknown);
    expect((await getStock(db, item)).stock).toMatchObject({ toBeCounted: true });
    await setStock(item, 1);
    expect((await getStock(db, item)).stock).not.toHaveProperty('toBeCounted');
    expect(await reserve(wanted)).toStrictEqual({ type: 'reserved' });
    await stockStates(db).updateOne({ _id: 'stock' }, { $unset: { countsAreLost: '' } });
  });
});
