import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { withLock } from '../../../src/server/embedded/lock.js';
import { endProcess, isAlive, processId } from '../../../src/server/embedded/process.js';

const folder = mkdtempSync(join(tmpdir(), 'orders-lock-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sleeper = spawn('sleep', ['600']);
beforeAll(() => once(sleeper, 'spawn'));
afterAll(() => void sleeper.kill('SIGKILL'));

test('a lock has one holder at a time', async () => {
  const lock = join(folder, 'contended');
  let [inside, most, done] = [0, 0, 0];
  const work = () =>
    withLock(lock, 30_000, async () => {
      most = Math.max(most, (inside += 1));
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      done += 1;
    });
  await Promise.all(Array.from({ length: 20 }, work));
  expect({ most, done }).toEqual({ most: 1, done: 20 });
});

test('a lock is released when the work fails', async () => {
  const lock = join(folder, 'failing');
  await expect(withLock(lock, 30_000, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(withLock(lock, 30_000, async () => 'yes')).resolves.toBe('yes');
});

test('the lock of a living process is waited for, and that of a dead one is not', async () => {
  const lock = join(folder, 'other');
  const other = processId(sleeper.pid ?? 0);
  mkdirSync(lock);
  writeFileSync(join(lock, '7'), JSON.stringify({ heldBy: other }));
  await expect(withLock(lock, 100, async () => 'mine')).rejects.toThrow(`Process ${other.pid} has held`);

  writeFileSync(join(lock, '7'), JSON.stringify({ heldBy: { ...other, born: 'long ago' } }));
  await expect(withLock(lock, 30_000, async () => 'mine')).resolves.toBe('mine');
});

test('a lock file that a power cut left empty is taken', async () => {
  const lock = join(folder, 'cut-off');
  mkdirSync(lock);
  writeFileSync(join(lock, '7'), '');
  await expect(withLock(lock, 30_000, async () => 'mine')).resolves.toBe('mine');
});

test('the holder that is waited for is reported once', async () => {
  const lock = join(folder, 'told');
  mkdirSync(lock);
  writeFileSync(join(lock, '1'), JSON.stringify({ heldBy: processId(sleeper.pid ?? 0) }));
  const told: number[] = [];
  const taken = withLock(
    lock,
    3_000,
    async () => 'mine',
    (pid) => told.push(pid),
  );
  await expect(taken).rejects.toThrow(`Process ${sleeper.pid} has held`);
  expect(told).toEqual([sleeper.pid]);
});

test('a lock in a read-only folder fails immediately', async () => {
  writeFileSync(join(folder, 'a-file'), '');
  await expect(withLock(join(folder, 'a-file', 'lock'), 60_000, async () => 'mine')).rejects.toThrow(
    'ENOTDIR',
  );
});

test('a stopped process is alive, and can be asked to end', async () => {
  const other = processId(sleeper.pid ?? 0);
  sleeper.kill('SIGSTOP');
  expect(isAlive(other)).toBe(true);
  await endProcess(other, 30_000);
  expect(isAlive(other)).toBe(false);
});
