import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, jest, test } from '@jest/globals';

const folder = fs.mkdtempSync(join(tmpdir(), 'orders-lock-race-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** What other processes do just before and just after this one moves a lock file away. */
let beforeMove = (): void => undefined;
let afterMove = (): void => undefined;
jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  renameSync(from: string, to: string) {
    beforeMove();
    fs.renameSync(from, to);
    afterMove();
  },
}));
const { withLockFile } = await import('../../src/bootstrap/lock-file.mjs');

test('a third process that takes the lock while a file is moved away is waited for', async () => {
  const path = join(folder, 'lock');
  fs.writeFileSync(path, 'dead');
  beforeMove = () => fs.writeFileSync(path, 'second');
  let didThirdKeepIt = false;
  afterMove = () => {
    fs.writeFileSync(path, 'third');
    // The third process is done a moment later.
    setImmediate(() => {
      didThirdKeepIt = fs.existsSync(path);
      fs.rmSync(path, { force: true });
    });
  };
  const work = async () => didThirdKeepIt;
  expect(await withLockFile(path, work, () => undefined)).toBe(true);
  expect(fs.readdirSync(folder)).toEqual([]);
});
