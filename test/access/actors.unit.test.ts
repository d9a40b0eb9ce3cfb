import { expect, test } from '@jest/globals';
import { assert, property, string } from 'fast-check';
import { actorOfSubject, isReserved, systemActors } from '../../src/access/actors.js';
import { endpoints } from '../../src/endpoint/endpoint.js';
import type { EffectType } from '../../src/order/effects.js';
import { orders } from '../../src/order/entity.js';

const performers: Readonly<Record<EffectType, string>> = {
  reserve: 'inventory',
  release: 'inventory',
  deduct: 'inventory',
  restock: 'inventory',
  authorize: 'payments',
  capture: 'payments',
  void: 'payments',
  refund: 'payments',
  book: 'carriers',
};

test.each(Object.entries(performers))('the effect %s is performed by %s', (type, performer) =>
  expect(orders.performer({ type } as Parameters<typeof orders.performer>[0])).toBe(performer),
);

test('each effect is performed under a name of the system', () => {
  const delivery = endpoints.performer({ type: 'deliver' } as Parameters<typeof endpoints.performer>[0]);
  for (const name of [...Object.values(performers), delivery, 'temporal', 'clock'])
    expect(systemActors.has(name)).toBe(true);
});

test.each(['payments', 'Payments', 'CLOCK', 'key:shop', 'User:ada', 'temporal:x', 'webhook:x'])(
  '%s cannot be claimed',
  (name) => expect(isReserved(name)).toBe(true),
);

test.each(['ada', 'cli:ada', 'payments-team', 'keys', 'http-example'])('%s can be claimed', (name) =>
  expect(isReserved(name)).toBe(false),
);

test('the actor of a user is visible ASCII without spaces, and different for different subjects', () => {
  const decoded = (actor: string) => decodeURIComponent(actor.slice('user:'.length));
  assert(
    property(string({ unit: 'grapheme', minLength: 1, maxLength: 15 }), (subject) => {
      const actor = actorOfSubject(subject);
      expect(actor ?? 'user:too-long').toMatch(/^user:[!-~]{1,195}$/);
      if (actor !== undefined) expect(decoded(actor)).toBe(subject);
    }),
  );
  expect(actorOfSubject('auth0|123')).toBe('user:auth0|123');
  expect(actorOfSubject('a b')).not.toBe(actorOfSubject('a%20b'));
});

test.each(['', 'x'.repeat(196), '\ud800'])('a subject that cannot be an actor gives none', (subject) => {
  expect(actorOfSubject(subject)).toBeUndefined();
});
