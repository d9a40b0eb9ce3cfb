import { expect, test } from '@jest/globals';
import { createOrderCache, type StoredView } from '../../../src/views/cache/order-cache.js';

const view = (version: number, json = 'x'): StoredView => ({ version, json });

/** A reading that ends when the test says so. */
function slowRead() {
  const ends: ((read: StoredView | undefined) => void)[] = [];
  return {
    read: () => new Promise<StoredView | undefined>((resolve) => void ends.push(resolve)),
    count: () => ends.length,
    end: (read: StoredView | undefined) => ends.at(-1)?.(read),
  };
}

/** Waits until `count` shows a second read. That takes only a few turns of the promise queue. */
async function isReadAgain(count: () => number): Promise<void> {
  for (let turn = 0; turn < 100 && count() < 2; turn++) await Promise.resolve();
  expect(count()).toBe(2);
}

test('what was read is kept until it is invalidated', async () => {
  const cache = createOrderCache();
  expect(cache.get('o')).toBeUndefined();
  await cache.load('o', async () => view(1));
  expect(cache.get('o')).toEqual(view(1));
  cache.invalidate('another');
  expect(cache.get('o')).toEqual(view(1));
  cache.invalidate('o');
  expect(cache.get('o')).toBeUndefined();
});

test('that there is no view is not kept', async () => {
  const cache = createOrderCache();
  expect(await cache.load('o', async () => undefined)).toBeUndefined();
  expect(await cache.load('o', async () => view(1))).toEqual(view(1));
});

test.each([
  ['an invalidation', (cache: ReturnType<typeof createOrderCache>) => cache.invalidate('o')],
  ['a newer version seen', (cache: ReturnType<typeof createOrderCache>) => cache.dropOlder('o', 2)],
  ['a lost stream', (cache: ReturnType<typeof createOrderCache>) => cache.clear()],
])(
  'a reading that raced %s is done again, and what it read first is neither kept nor answered',
  async (_, race) => {
    const cache = createOrderCache();
    const { read, count, end } = slowRead();
    const answer = cache.load('o', read);
    race(cache);
    end(view(1));
    await isReadAgain(count);
    expect(cache.get('o')).toBeUndefined();
    end(view(2));
    expect(await answer).toEqual(view(2));
    expect(cache.get('o')).toEqual(view(2));
  },
);

test('readers at once share a reading, but not one that was overtaken before they came', async () => {
  const cache = createOrderCache();
  const [first, second] = [slowRead(), slowRead()];
  const answers = [cache.load('o', first.read), cache.load('o', first.read)];
  expect(first.count()).toBe(1);
  cache.invalidate('o');
  const late = cache.load('o', second.read);
  second.end(view(2));
  expect(await late).toEqual(view(2));
  first.end(view(1));
  await isReadAgain(first.count);
  first.end(view(2));
  expect(await Promise.all(answers)).toEqual([view(2), view(2)]);
});

test('a version that was seen elsewhere drops what is older only', async () => {
  const cache = createOrderCache();
  await cache.load('o', async () => view(3));
  cache.dropOlder('o', 3);
  expect(cache.get('o')).toEqual(view(3));
  cache.dropOlder('o', 4);
  expect(cache.get('o')).toBeUndefined();
});

test('a reading that fails is told to all who wait, and tried anew by the next', async () => {
  const cache = createOrderCache();
  await expect(cache.load('o', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await cache.load('o', async () => view(1))).toEqual(view(1));
});

test('the least recently used makes room: for as many, and as large, as there may be', async () => {
  const cache = createOrderCache({ entries: 2, bytes: 100 });
  const load = (orderId: string, json: string) => cache.load(orderId, async () => view(1, json));
  await load('a', '.');
  await load('b', '.');
  cache.get('a');
  await load('c', '.');
  expect(['a', 'b', 'c'].map((id) => cache.get(id) !== undefined)).toEqual([true, false, true]);
  await load('d', '.'.repeat(50));
  expect(['a', 'c', 'd'].map((id) => cache.get(id) !== undefined)).toEqual([false, false, true]);
  await load('e', '.'.repeat(51));
  expect(['d', 'e'].map((id) => cache.get(id) !== undefined)).toEqual([true, false]);
});
