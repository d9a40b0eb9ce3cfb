import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createKnownKeys } from '../../../src/access/known-keys.js';
import { keyRows } from '../../../src/sealing/key-store/key-rows.js';
import {
  type MasterKeys,
  newMasterKey,
  readMasterKeys,
  unwrap,
  wrap,
} from '../../../src/sealing/key-store/master-keys.js';
import { type Database, openDatabase } from '../../support/database.js';
import { shared } from '../../support/servers.js';
import { runWithoutTemporal } from '../without-temporal.js';

const folder = mkdtempSync(join(tmpdir(), 'orders-keys-'));
let database: Database;
beforeAll(async () => {
  database = await openDatabase();
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

function variables(MONGODB_URI = shared.mongodbUri) {
  return { MONGODB_URI, MONGODB_DB: database.db.databaseName };
}

function mastersOf(line: string): MasterKeys {
  const keys = readMasterKeys(line);
  if (keys === undefined) throw new Error('no keys');
  return keys;
}

async function orders(line: string, mongodbUri?: string) {
  return await runWithoutTemporal(line, variables(mongodbUri));
}

test('a key is created, used, listed without its secret, and revoked', async () => {
  const created = await orders('keys create --name shop --scopes orders:read,ops --expires 90d --json');
  const { key, keyId } = JSON.parse(created.out);
  expect(await createKnownKeys(database.db).check(key)).toMatchObject({ actor: 'key:shop' });
  const listed = await orders('keys list');
  expect(listed.out).toContain(`${keyId}  shop    active`);
  expect(listed.out).not.toContain(key);
  expect(await orders(`keys revoke ${keyId}`)).toMatchObject({
    exitCode: 0,
    out: `key ${keyId} of shop is revoked`,
  });
  expect((await orders('keys list')).out).toContain('revoked');
  await expect(createKnownKeys(database.db).check(key)).rejects.toMatchObject({ code: 'invalid_key' });
});

test('an output for people has the key on a line of its own', async () => {
  const { out } = await orders('keys create --name pos --scopes stock:write');
  expect(out).toMatch(
    /^key \w{16} of pos · stock:write · never expires\nIt is shown this once:\nordk_[\w-]+$/,
  );
});

test.each([
  [
    'keys create --name a.b! --scopes ops',
    2,
    `option '--name <client>' argument 'a.b!' is invalid. Expected 1 to 64`,
  ],
  ['keys create --name a --scopes ops,nonsense', 2, '"nonsense" is not a scope: expected any of orders:read'],
  ['keys create --name a --scopes ops --expires soon', 2, 'Expected a duration'],
  ['keys create --name a --scopes ops --expires 9999d', 2, 'up to ten years'],
  ['keys revoke nonsense', 3, 'key_not_found'],
])('%s is refused', async (line, exitCode, said) => {
  const refused = await orders(line);
  expect(refused.exitCode).toBe(exitCode);
  expect(refused.err).toContain(said);
});

test('the keys of customers are wrapped again when the master key is replaced', async () => {
  const file = join(folder, 'master.key');
  const rewrap = async (...masters: readonly string[]) => {
    writeFileSync(file, masters.join('\n'));
    return await runWithoutTemporal('keys rewrap --json', { ...variables(), MASTER_KEY_FILE: file });
  };
  const [old, fresh] = [newMasterKey(), newMasterKey()];
  const rows = keyRows(database.db.client.db(`${database.db.databaseName}_keys`));
  const key = randomBytes(32);
  await rows.insertOne({ _id: 'k-1', customerId: 'c-1', wrapped: wrap(mastersOf(old), 'k-1', key) });
  const lacking = { exitCode: 5, err: expect.stringContaining('MASTER_KEY_FILE lacks the master key') };
  expect(await rewrap(fresh)).toMatchObject(lacking);
  expect(JSON.parse((await rewrap(fresh, old)).out)).toEqual({ rewrapped: 1 });
  expect(JSON.parse((await rewrap(fresh)).out)).toEqual({ rewrapped: 0 });
  const { wrapped = '' } = (await rows.findOne({ _id: 'k-1' })) ?? {};
  expect(unwrap(mastersOf(fresh), 'k-1', wrapped)).toEqual(key);
});

test('without MongoDB the script names the outage', async () => {
  const away = await orders('keys list', 'mongodb://127.0.0.1:1/?directConnection=true');
  expect(away).toMatchObject({
    exitCode: 4,
    err: expect.stringMatching(/^mongodb_unreachable: .*or set MONGODB_URI$/),
  });
});
