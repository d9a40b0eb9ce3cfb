import { expect, test } from '@jest/globals';
import { Turns } from '../../../src/effects/inventory/named-queue.js';

/** Work that is done when it is told so. */
function work(name: string, log: string[]) {
  let finish = () => {};
  const told = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const run = async () => {
    log.push(`${name} starts`);
    await told;
    log.push(`${name} ends`);
    return name;
  };
  return { run, finish: () => finish() };
}

/** Lets everything happen that waits for nothing outside. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('who shares a name waits for those before, in order; who shares none does not', async () => {
  const turns = new Turns(60_000);
  const log: string[] = [];
  const [a, b, ab, c] = ['a', 'b', 'ab', 'c'].map((name) => work(name, log));
  if (!a || !b || !ab || !c) throw new Error();
  const all = Promise.all([
    turns.take(['x'], a.run),
    turns.take(['y'], b.run),
    turns.take(['x', 'y'], ab.run),
    turns.take(['y'], c.run),
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

test('a failure is the caller’s own, and passes the turn on', async () => {
  const turns = new Turns(60_000);
  const failed = turns.take(['x'], () => Promise.reject(new Error('no luck')));
  const next = turns.take(['x'], () => Promise.resolve('next'));
  await expect(failed).rejects.toThrow('no luck');
  expect(await next).toBe('next');
});

test('who waited too long gives up, and those behind still wait for those ahead', async () => {
  const turns = new Turns(20);
  const log: string[] = [];
  const first = work('first', log);
  const head = turns.take(['x'], first.run);
  const impatient = turns.take(['x'], () => Promise.reject(new Error('must not run')));
  await expect(impatient).rejects.toThrow('still at it after 20 ms');
  const behind = turns.take(['x'], () => Promise.resolve(log.push('behind')));
  await settle();
  expect(log).toStrictEqual(['first starts']);
  first.finish();
  await Promise.all([head, behind]);
  expect(log).toStrictEqual(['first starts', 'first ends', 'behind']);
});
