import { expect, test } from '@jest/globals';
import { isAtRest } from '../../src/order/consequences.js';
import { fold } from '../../src/order/evolve.js';
import { states } from './examples.js';

test('an order is at rest unless an effect is owed or an event follows from its last one', () => {
  const { order, log } = states.confirmed;
  expect(log.at(-1)?.type).toBe('OrderConfirmed');
  expect(isAtRest(order)).toBe(true);
  const authorized = fold(log.slice(0, -1));
  expect(authorized && isAtRest(authorized)).toBe(false);
  expect(isAtRest(states.reserving.order)).toBe(false);
});
