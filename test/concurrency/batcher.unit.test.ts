import { expect, test } from '@jest/globals';
import { createBatcher } from '../../src/concurrency/batcher.js';

/** Work that the test ends. */
function workshop() {
  const groups: { readonly items: readonly number[]; readonly end: (error?: Error) => void }[] = [];
  const work = (items: readonly number[]) =>
    new Promise<number>((resolve, reject) => {
      const end = (error?: Error): void => (error ? reject(error) : resolve(items.length));
      groups.push({ items, end });
    });
  return { groups, work };
}

test('a single item goes immediately; items that come meanwhile go together, up to the limit', async () => {
  const { groups, work } = workshop();
  const ask = createBatcher({ size: 3 }, work);
  const results = [1, 2, 3, 4, 5].map(ask);
  expect(groups.map(({ items }) => items)).toEqual([[1]]);
  for (const index of [0, 1, 2]) {
    groups[index]?.end();
    await results[[0, 1, 4][index] ?? 0];
    await new Promise(setImmediate);
  }
  expect(groups.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
  expect(await Promise.all(results)).toEqual([1, 3, 3, 3, 1]);
});

test('an error reaches only the items of its group', async () => {
  const { groups, work } = workshop();
  const ask = createBatcher({ size: 3 }, work);
  const results = Promise.allSettled([1, 2, 3].map(ask));
  groups[0]?.end(new Error('away'));
  await new Promise(setImmediate);
  groups[1]?.end();
  const ended = await results;
  expect(ended.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  const later = ask(4);
  groups[2]?.end();
  expect(await later).toBe(1);
});

test('groups that run at the same time do not wait for each other', async () => {
  const { groups, work } = workshop();
  const ask = createBatcher({ size: 3, concurrency: 2 }, work);
  const results = [1, 2, 3, 4].map(ask);
  expect(groups.map(({ items }) => items)).toEqual([[1], [2]]);
  groups[1]?.end();
  await results[1];
  await new Promise(setImmediate);
  expect(groups.map(({ items }) => items)).toEqual([[1], [2], [3, 4]]);
  groups[0]?.end();
  groups[2]?.end();
  expect(await Promise.all(results)).toEqual([1, 1, 2, 2]);
});
