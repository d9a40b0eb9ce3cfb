import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openKnownKeys } from '../../src/access/known-keys.js';
import { type Database, openDatabase } from '../support/database.js';
import { shared } from '../support/servers.js';
import { runWithoutTemporal } from './without-temporal.js';

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(() => database.close());

async function orders(line: string, MONGODB_URI = shared.mongodbUri) {
  return await runWithoutTemporal(line, { MONGODB_URI, MONGODB_DB: database.db.databaseName });
}

test('a key is created, used, listed without its secret, and revoked', async () => {
  const created = await orders('keys create --name shop --scopes orders:read,ops --expires 90d --json');
  const { key, keyId } = JSON.parse(created.out);
  expect(await openKnownKeys(database.db).check(key)).toMatchObject({ actor: 'key:shop' });
  const listed = await orders('keys list');
  expect(listed.out).toContain(`${keyId}  shop    active`);
  expect(listed.out).not.toContain(key);
  expect(await orders(`keys revoke ${keyId}`)).toMatchObject({
    exitCode: 0,
    out: `key ${keyId} of shop is revoked`,
  });
  expect((await orders('keys list')).out).toContain('revoked');
  await expect(openKnownKeys(database.db).check(key)).rejects.toMatchObject({ code: 'invalid_key' });
});

test('for a person, the key is on a line of its own', async () => {
  const { out } = await orders('keys create --name pos --scopes stock:write');
  expect(out).toMatch(
    /^key \w{16} of pos · stock:write · never expires\nIt is shown this once:\nordk_[\w-]+$/,
  );
});

test.each([
  ['keys create --name a.b! --scopes ops', 2, 'a.b! cannot be a client'],
  ['keys create --name a --scopes ops,nonsense', 2, 'nonsense is no scope'],
  ['keys create --name a --scopes ops --expires soon', 2, 'Expected a duration'],
  ['keys create --name a --scopes ops --expires 9999d', 2, 'up to ten years'],
  ['keys revoke nonsense', 3, 'key_not_found'],
])('%s is refused', async (line, exitCode, said) => {
  const refused = await orders(line);
  expect(refused.exitCode).toBe(exitCode);
  expect(refused.err).toContain(said);
});

test('without MongoDB it says so', async () => {
  const away = await orders('keys list', 'mongodb://127.0.0.1:1/?directConnection=true');
  expect(away).toMatchObject({ exitCode: 4, err: expect.stringContaining('mongodb_unreachable') });
});
