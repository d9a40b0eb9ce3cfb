import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, jest, test } from '@jest/globals';

/** Another process acts just before this one reads a file. */
let beforeReading = () => {};
jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  readFileSync(...args: Parameters<typeof fs.readFileSync>) {
    const act = beforeReading;
    beforeReading = () => {};
    act();
    return fs.readFileSync(...args);
  },
}));
const { keysToStoreIn } = await import('../../../src/server/keys/keys-to-store-folder.js');

const root = fs.mkdtempSync(join(tmpdir(), 'orders-keys-'));
afterAll(() => fs.rmSync(root, { recursive: true }));

let folder: string;
beforeEach(() => {
  folder = join(fs.mkdtempSync(join(root, 'case-')), 'keys-to-store');
});

const key = (keyId: string, customerId = 'c') => ({ keyId, customerId, wrapped: `wrapped ${keyId}` });

test('a customer has one key on the disk, however many processes make one', () => {
  const [one, other] = [keysToStoreIn(folder), keysToStoreIn(folder)];
  expect(one.add(key('first'))).toEqual(key('first'));
  expect(other.add(key('second'))).toEqual(key('first'));
  other.add(key('third', 'd'));
  expect(one.all().map(({ keyId }) => keyId)).toEqual(expect.arrayContaining(['first', 'third']));
  one.remove(key('first'));
  one.remove(key('first'));
  expect(other.all()).toEqual([key('third', 'd')]);
});

test('a new key is on the disk even if the customer’s earlier key was removed at the same time', () => {
  const keys = keysToStoreIn(folder);
  keys.add(key('earlier'));
  const [name = ''] = fs.readdirSync(folder);
  beforeReading = () => fs.rmSync(join(folder, name));
  expect(keys.add(key('new'))).toEqual(key('new'));
  expect(keys.all()).toEqual([key('new')]);
});

test('the removal of a key leaves a later key of the same customer alone', () => {
  const keys = keysToStoreIn(folder);
  keys.add(key('later'));
  keys.remove(key('earlier'));
  expect(keys.all()).toEqual([key('later')]);
});

test('a damaged file of a customer’s key is named and left as it is, and other keys are found', () => {
  const keys = keysToStoreIn(folder);
  keys.add(key('damaged'));
  const [name = ''] = fs.readdirSync(folder);
  fs.writeFileSync(join(folder, name), '{"keyId":');
  keys.add(key('whole', 'd'));
  expect(() => keys.add(key('new'))).toThrow(`${join(folder, name)} is damaged`);
  expect(fs.readFileSync(join(folder, name), 'utf8')).toBe('{"keyId":');
  expect(keys.all()).toEqual([key('whole', 'd')]);
});
