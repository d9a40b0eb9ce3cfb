import { expect, test } from '@jest/globals';
import { eventId, eventOfId, idsOfEntity } from '../../src/log/event-id.js';

test('the id of an event says which event it is', () => {
  const event = { orderId: 'o-1.a_b', version: 12 };
  expect(eventOfId(eventId(event))).toEqual(event);
});

test.each(['test:0b7a', 'o-1', 'o-1:reserve:3', ':3', ''])('%j is no id of an event', (id) => {
  expect(eventOfId(id)).toBeUndefined();
});

test('the ids of an entity have none of an entity whose id begins alike', () => {
  const { $gte, $lt } = idsOfEntity('o-1');
  const ids = ['o-1:1', 'o-1:reserve:3', 'o-10:1', 'o-1.a:1', 'o-1-a:1', 'o-1_a:1', 'o-1A:1', 'o-0:1'];
  expect(ids.filter((id) => id >= $gte && id < $lt)).toEqual(['o-1:1', 'o-1:reserve:3']);
});
