import { expect, test } from '@jest/globals';
import { createLruCache, type SerializedOrder } from '../../../src/views/cache/lru-cache.js';

const view = (version: number, json = 'x'): SerializedOrder => ({ version, json });

/** A read that the test ends. */
function slowRead() {
  const ends: ((read: SerializedOrder | undefined) => void)[] = [];
  return {
    read: () => new Promise<SerializedOrder | undefined>((resolve) => void ends.push(resolve)),
    count: () => ends.length,
    end: (read: SerializedOrder | undefined) => ends.at(-1)?.(read),
  };
}

/** Waits until `count` shows a second read, which takes only a few microtasks. */
async function untilReadAgain(count: () => number): Promise<void> {
  for (let turn = 0; turn < 100 && count() < 2; turn++) await Promise.resolve();
  expect(count()).toBe(2);
}

test('a view is cached until it is invalidated', async () => {
  const cache = createLruCache();
  expect(cache.get('o')).toBeUndefined();
  await cache.load('o', async () => view(1));
  expect(cache.get('o')).toEqual(view(1));
  cache.invalidate('another');
  expect(cache.get('o')).toEqual(view(1));
  cache.invalidate('o');
  expect(cache.get('o')).toBeUndefined();
});

test('the absence of a view is not cached', async () => {
  const cache = createLruCache();
  expect(await cache.load('o', async () => undefined)).toBeUndefined();
  expect(await cache.load('o', async () => view(1))).toEqual(view(1));
});

test.each([
  ['an invalidation', (cache: ReturnType<typeof createLruCache>) => cache.invalidate('o')],
  ['a newer version seen', (cache: ReturnType<typeof createLruCache>) => cache.dropOlder('o', 2)],
  ['a lost stream', (cache: ReturnType<typeof createLruCache>) => cache.clear()],
])(
  'a read that races %s is repeated, and its first result is neither cached nor returned',
  async (_, race) => {
    const cache = createLruCache();
    const { read, count, end } = slowRead();
    const answer = cache.load('o', read);
    race(cache);
    end(view(1));
    await untilReadAgain(count);
    expect(cache.get('o')).toBeUndefined();
    end(view(2));
    expect(await answer).toEqual(view(2));
    expect(cache.get('o')).toEqual(view(2));
  },
);

test('simultaneous readers share a read, unless it was overtaken before they came', async () => {
  const cache = createLruCache();
  const [first, second] = [slowRead(), slowRead()];
  const answers = [cache.load('o', first.read), cache.load('o', first.read)];
  expect(first.count()).toBe(1);
  cache.invalidate('o');
  const late = cache.load('o', second.read);
  second.end(view(2));
  expect(await late).toEqual(view(2));
  first.end(view(1));
  await untilReadAgain(first.count);
  first.end(view(2));
  expect(await Promise.all(answers)).toEqual([view(2), view(2)]);
});

test('a version that was seen elsewhere removes only older entries', async () => {
  const cache = createLruCache();
  await cache.load('o', async () => view(3));
  cache.dropOlder('o', 3);
  expect(cache.get('o')).toEqual(view(3));
  cache.dropOlder('o', 4);
  expect(cache.get('o')).toBeUndefined();
});

test('a failed read fails for all who wait for it, and the next reader tries again', async () => {
  const cache = createLruCache();
  await expect(cache.load('o', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  expect(await cache.load('o', async () => view(1))).toEqual(view(1));
});

test('the least recently used entries make room, by number and by size', async () => {
  const cache = createLruCache({ entries: 2, bytes: 100 });
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
