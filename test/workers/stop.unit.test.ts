import { readFileSync } from 'node:fs';
import { expect, jest, test } from '@jest/globals';
import { parse } from 'yaml';
import { STOP_LIMITS_MS } from '../../workers/roles.js';
import { closeInOrder } from '../../workers/stop.js';
import { latch } from '../support/latch.js';

const never = () => new Promise<void>(() => undefined);

test('what is in one step closes at the same time, and before the next step', async () => {
  const order: string[] = [];
  const second = latch();
  await closeInOrder([
    {
      closes: [
        async () => {
          await second.opened;
          order.push('first');
        },
        async () => {
          order.push('second');
          second.open();
        },
      ],
    },
    { closes: [async () => void order.push('third')] },
  ]);
  expect(order).toEqual(['second', 'first', 'third']);
});

test('what fails or takes too long keeps nothing else from being closed', async () => {
  const write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  const closed: string[] = [];
  const fails = async () => await Promise.reject(new Error('the server is gone'));
  await closeInOrder([
    { limitMs: 1, closes: [fails, never, async () => void closed.push('beside')] },
    { closes: [async () => void closed.push('after')] },
  ]);
  expect(write).toHaveBeenCalledWith('the server is gone\n');
  write.mockRestore();
  expect(closed).toEqual(['beside', 'after']);
});

test('the roles stop before Docker kills their container', () => {
  const { 'x-role': role } = parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true });
  const sum = Object.values(STOP_LIMITS_MS).reduce((total, limit) => total + limit, 0);
  expect(sum).toBeLessThan(Number.parseInt(role.stop_grace_period, 10) * 1_000);
});
