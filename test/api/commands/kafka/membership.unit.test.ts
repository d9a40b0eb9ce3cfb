import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { Consumer } from '@platformatic/kafka';
import { Membership, SESSION_MS } from '../../../../src/api/commands/kafka/membership.js';

/** Stands for the client, which reports changes of its group only by events. */
class Client extends EventEmitter {
  clearMetadata = jest.fn();
}

let client: Client;
let membership: Membership;

beforeEach(() => {
  jest.useFakeTimers();
  client = new Client();
  membership = new Membership(client as unknown as Consumer);
  client.emit('consumer:group:join', {});
});
afterEach(() => {
  membership.end();
  jest.useRealTimers();
});

function answerHeartbeat(): void {
  client.emit('consumer:heartbeat:start', {});
  client.emit('consumer:heartbeat:end', {});
}

test('partitions are held as long as heartbeats are answered', () => {
  for (let seconds = 0; seconds < 60; seconds += 2) {
    jest.advanceTimersByTime(2_000);
    answerHeartbeat();
  }
  expect(membership.isHeld).toBe(true);
  expect(() => membership.check()).not.toThrow();
});

test('without an answer, partitions are lost before the session times out', () => {
  const { whileHeld: held } = membership;
  jest.advanceTimersByTime(SESSION_MS - 1_000);
  expect(held.aborted).toBe(true);
  expect(membership.isHeld).toBe(false);
  expect(() => membership.check()).toThrow('does not answer');
});

test.each([
  ['consumer:heartbeat:error', { error: new Error('not the coordinator') }],
  ['error', new Error('not the coordinator')],
])('%s ends the membership', (event, given) => {
  const { whileHeld: held } = membership;
  client.emit(event, given);
  expect(held.aborted).toBe(true);
  expect(() => membership.check()).toThrow('not the coordinator');
});

test('a rebalance takes partitions away immediately, and assigns others afterwards', async () => {
  const { whileHeld: held } = membership;
  client.emit('consumer:group:rebalance', {});
  expect([held.aborted, membership.isHeld]).toEqual([true, false]);
  expect(client.clearMetadata).toHaveBeenCalled();
  const rejoined = membership.rejoined(new AbortController().signal);
  client.emit('consumer:group:join', {});
  await rejoined;
  expect([held.aborted, membership.isHeld, membership.whileHeld.aborted]).toEqual([true, true, false]);
});

test('a member leaves a group that it cannot rejoin in time', async () => {
  client.emit('consumer:group:rebalance', {});
  const rejoined = expect(membership.rejoined(new AbortController().signal)).rejects.toThrow(
    'not joined again',
  );
  jest.advanceTimersByTime(60_000);
  await rejoined;
});
