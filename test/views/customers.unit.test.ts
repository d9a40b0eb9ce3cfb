import { expect, test } from '@jest/globals';
import { MergedChanges } from '../../src/log/views/feeding/merged-changes.js';
import { evolve } from '../../src/order/evolve.js';
import type { Order } from '../../src/order/order.js';
import { customers } from '../../src/views/customers.js';
import { states } from '../order/examples.js';

test('a forgotten name is replaced, in whichever sequence the events come', () => {
  let before: Order | undefined;
  const changes = states.closedForgotten.log.flatMap((event) => {
    const after = evolve(before, event);
    const change = customers.fold(event, before, after);
    before = after;
    return change;
  });
  const merged = [changes, changes.toReversed()].map((sequence) => {
    const all = new MergedChanges();
    for (const change of sequence) all.merge(change);
    return all.toWrites();
  });
  expect(merged[0]).toEqual(merged[1]);
  expect(JSON.stringify(merged)).not.toContain('Ada');
});
