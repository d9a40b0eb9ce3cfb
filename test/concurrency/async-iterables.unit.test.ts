import { expect, test } from '@jest/globals';
import { prefetch } from '../../src/concurrency/async-iterables.js';

/** A source of items, and which of them were requested. */
function source(count: number, failsAt = Infinity) {
  const log: string[] = [];
  async function* items(): AsyncGenerator<number, void> {
    try {
      for (let item = 1; item <= count; item += 1) {
        log.push(`made ${item}`);
        if (item === failsAt) throw new Error(`no ${item}`);
        yield item;
      }
    } finally {
      log.push('over');
    }
  }
  return { log, items };
}

test('each item is made while the previous one is in use', async () => {
  const { log, items } = source(3);
  for await (const item of prefetch(items())) log.push(`used ${item}`);
  expect(log).toEqual(['made 1', 'made 2', 'used 1', 'made 3', 'used 2', 'over', 'used 3']);
});

test('a failure that happens ahead is thrown when its turn comes', async () => {
  const { log, items } = source(3, 2);
  const use = async () => {
    for await (const item of prefetch(items())) log.push(`used ${item}`);
  };
  await expect(use()).rejects.toThrow('no 2');
  expect(log).toEqual(['made 1', 'made 2', 'over', 'used 1']);
});

test('a consumer that ends early leaves nothing open', async () => {
  const { log, items } = source(9);
  for await (const item of prefetch(items())) if (item === 2) break;
  expect(log).toEqual(['made 1', 'made 2', 'made 3', 'over']);
});
