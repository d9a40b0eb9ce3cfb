import { expect, test } from '@jest/globals';
import { NamedQueue } from '../../../src/effects/inventory/named-queue.js';

/** Work that runs until the test calls `finish`. */
function work(name: string, log: string[]) {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const run = async () => {
    log.push(`${name} starts`);
    await finished;
    log.push(`${name} ends`);
    return name;
  };
  return { run, finish: () => finish() };
}

/** Waits until all promises that depend on nothing outside are settled. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('callers with a common name wait in order, and callers without one do not wait', async () => {
  const queue = new NamedQueue(60_000);
  const log: string[] = [];
  const [a, b, ab, c] = ['a', 'b', 'ab', 'c'].map((name) => work(name, log));
  if (!a || !b || !ab || !c) throw new Error('A work is missing.');
  const all = Promise.all([
    queue.run(['x'], a.run),
    queue.run(['y'], b.run),
    queue.run(['x', 'y'], ab.run),
    queue.run(['y'], c.run),
  ]);
  a.finish();
  ab.finish();
  c.finish();
  await settle();
  expect(log).toStrictEqual(['a starts', 'b starts', 'a ends']);
  b.finish();
  expect(await all).toStrictEqual(['a', 'b', 'ab', 'c']);
  expect(log.slice(3)).toStrictEqual(['b ends', 'ab starts', 'ab ends', 'c starts', 'c ends']);
});

test('a failure reaches only its caller, and the next caller gets its turn', async () => {
  const queue = new NamedQueue(60_000);
  const failed = queue.run(['x'], () => Promise.reject(new Error('no luck')));
  const next = queue.run(['x'], () => Promise.resolve('next'));
  await expect(failed).rejects.toThrow('no luck');
  expect(await next).toBe('next');
});

test('a caller that times out does not let later callers jump the queue', async () => {
  const queue = new NamedQueue(20);
  const log: string[] = [];
  const first = work('first', log);
  const head = queue.run(['x'], first.run);
  const impatient = queue.run(['x'], () => Promise.reject(new Error('must not run')));
  await expect(impatient).rejects.toThrow('still running after 20 ms');
  const behind = queue.run(['x'], () => Promise.resolve(log.push('behind')));
  await settle();
  expect(log).toStrictEqual(['first starts']);
  first.finish();
  await Promise.all([head, behind]);
  expect(log).toStrictEqual(['first starts', 'first ends', 'behind']);
});
