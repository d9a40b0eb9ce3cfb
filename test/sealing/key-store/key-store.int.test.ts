import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { keyRows } from '../../../src/sealing/key-store/key-rows.js';
import type { KeyStore } from '../../../src/sealing/key-store/key-store.js';
import {
  type MasterKeys,
  newMasterKey,
  readMasterKeys,
  wrap,
} from '../../../src/sealing/key-store/master-keys.js';
import { createKeyStore } from '../../../src/sealing/key-store/mongo-key-store.js';
import { readConfig } from '../../../src/server/config.js';
import { connectMongo, type Mongo } from '../../../src/server/connections.js';
import { keysToStoreIn } from '../../../src/server/keys/keys-to-store-folder.js';
import { type Database, openDatabase } from '../../support/database.js';
import { shared } from '../../support/servers.js';
import { until } from '../../support/until.js';

const [old, fresh] = [newMasterKey(), newMasterKey()];
const why = { reason: 'GDPR Art. 17', actor: 'user:ada', at: '2026-01-01T00:00:00.000Z' };

let database: Database;
let away: Mongo;
let folder: string;
const opened: KeyStore[] = [];

beforeAll(async () => {
  database = await openDatabase();
  away = connectMongo(readConfig({ MONGODB_URI: 'mongodb://127.0.0.1:1/?directConnection=true' }));
  folder = mkdtempSync(join(tmpdir(), 'keys-to-store-'));
});
afterAll(async () => {
  for (const store of opened) await store.close();
  await away.close();
  await database.close();
  rmSync(folder, { recursive: true });
});

function masterKeys(...lines: readonly string[]): MasterKeys {
  const keys = readMasterKeys(lines.join('\n'));
  if (keys === undefined) throw new Error('no keys');
  return keys;
}

/** The key store of one process. */
function storeOfProcess(db = database.db, masters = masterKeys(old)): KeyStore {
  const store = createKeyStore(db, () => masters, keysToStoreIn(folder));
  opened.push(store);
  return store;
}

test('a key store recognizes whether it is another system’s, also after a rotation', async () => {
  const other = await openDatabase();
  try {
    const store = storeOfProcess(other.db);
    expect(await store.identity()).toBe('empty');
    await store.searchKey();
    const identity = await store.identity();
    const rotating = storeOfProcess(other.db, masterKeys(fresh, old));
    await rotating.rewrap();
    expect(await storeOfProcess(other.db, masterKeys(fresh)).identity()).toBe(identity);
    await storeOfProcess().searchKey();
    expect(await storeOfProcess().identity()).not.toBe(identity);
  } finally {
    await other.close();
  }
});

describe('the key of a customer', () => {
  test('is the same for all processes, also if they ask for it at the same time', async () => {
    const processes = [storeOfProcess(), storeOfProcess(), storeOfProcess()];
    // Opens the connections first: a store that takes over 300 ms counts as unavailable.
    await Promise.all(processes.map((one) => one.keysOf('c-same')));
    const keys = await Promise.all(processes.map((one) => one.sealingKey('c-same')));
    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(1);
    const [{ keyId, key } = { keyId: '', key: Buffer.of() }] = keys;
    expect(await storeOfProcess().openingKey(keyId)).toEqual(key);
    expect(await storeOfProcess().keysOf('c-same')).toEqual([keyId]);
  });

  test('is a spare key of the process, if there is one, and the customer then claims it', async () => {
    const store = storeOfProcess();
    store.keepSpares();
    await until(async () => expect(await keyRows(database.db).countDocuments({})).toBeGreaterThan(100));
    const { keyId } = await store.sealingKey('c-spare');
    await until(async () => expect(await store.keysOf('c-spare')).toEqual([keyId]));
    await store.close();
    expect(await keyRows(database.db).countDocuments({ customerId: { $exists: false } })).toBe(0);
  });

  test('is kept on this machine while the store is away, and is stored once a process reaches it', async () => {
    const [one, two] = [storeOfProcess(away.db), storeOfProcess(away.db)];
    const key = await one.sealingKey('c-away');
    expect(await two.sealingKey('c-away')).toEqual(key);
    expect(await one.openingKey(key.keyId)).toEqual(key.key);
    expect(await storeOfProcess().openingKey(key.keyId)).toEqual(key.key);
    expect(await storeOfProcess().keysOf('c-away')).toEqual([key.keyId]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is claimed by the order that names it, even if the customer has another key', async () => {
    const first = await storeOfProcess().sealingKey('c-two');
    const { keyId } = await storeOfProcess(away.db).sealingKey('c-two-away');
    const file = keysToStoreIn(folder).all()[0];
    await keyRows(database.db).insertOne({ _id: keyId, wrapped: file?.wrapped ?? '' });
    await storeOfProcess().openingKey(keyId, 'c-two');
    expect(await storeOfProcess().keysOf('c-two')).toEqual([first.keyId, keyId]);
    expect((await storeOfProcess().sealingKey('c-two')).keyId).toBe(first.keyId);
  });
});

describe('a key that was retired', () => {
  test('opens what it has sealed, and a second later no process seals with it', async () => {
    const [here, there] = [storeOfProcess(), storeOfProcess()];
    const { keyId, key } = await here.sealingKey('c-retired');
    await there.sealingKey('c-retired');
    expect(await here.retire('c-retired')).toEqual([keyId]);
    await until(async () => expect((await there.sealingKey('c-retired')).keyId).not.toBe(keyId));
    expect(await there.openingKey(keyId)).toEqual(key);
  });

  test('may be named by orders of its customer, but not by orders of another customer', async () => {
    const store = storeOfProcess();
    const { keyId } = await store.sealingKey('c-owner');
    expect(await store.retire('c-thief', [keyId, 'neverseenkey'])).toEqual(['neverseenkey']);
    await store.destroy({ customerId: 'c-thief', keyIds: [keyId], why });
    expect((await store.sealingKey('c-owner')).keyId).toBe(keyId);
  });
});

test('the keys for a page of orders are read in one query', async () => {
  const ids = Array.from({ length: 250 }, () => randomBytes(9).toString('base64url'));
  const masters = masterKeys(old);
  await keyRows(database.db).insertMany(
    ids.map((_id) => ({ _id, customerId: `c-${_id}`, wrapped: wrap(masters, _id, randomBytes(32)) })),
  );
  const [first = ''] = ids;
  await storeOfProcess().destroy({ customerId: `c-${first}`, keyIds: [first], why });
  const client = new MongoClient(shared.mongodbUri, { monitorCommands: true });
  // The driver repeats a query if a connection breaks, so answers are counted, not queries.
  const answers: unknown[] = [];
  client.on('commandSucceeded', ({ commandName, reply }) => {
    if (commandName === 'find') answers.push(Reflect.get(Object(reply), 'cursor')?.ns);
  });
  try {
    await client.db().command({ ping: 1 });
    const reading = storeOfProcess(client.db(database.db.databaseName));
    const found = await reading.openingKeys(new Set([...ids, 'neverseenkey']));
    expect([...found.values()].slice(1, -1).every((key) => Buffer.isBuffer(key))).toBe(true);
    expect([found.get(first), found.get('neverseenkey')]).toEqual(['destroyed', 'unknown']);
    expect(answers).toEqual([`${database.db.databaseName}.customer_keys`]);
  } finally {
    await client.close();
  }
});

describe('a key that was destroyed', () => {
  test('is gone for every process within a second, and the customer’s next key differs', async () => {
    const [here, there] = [storeOfProcess(), storeOfProcess()];
    const { keyId } = await here.sealingKey('c-gone');
    expect(await there.openingKey(keyId)).toBeInstanceOf(Buffer);
    await here.destroy({ customerId: 'c-gone', keyIds: [keyId], why });
    await here.destroy({ customerId: 'c-gone', keyIds: [keyId], why });
    await until(async () => expect(await there.openingKey(keyId)).toBe('destroyed'));
    expect(await keyRows(database.db).findOne({ _id: keyId })).toEqual({
      _id: keyId,
      customerId: 'c-gone',
      destroyed: why,
    });
    expect((await there.sealingKey('c-gone')).keyId).not.toBe(keyId);
  });

  test('is known as destroyed in a store that never had it, as after a restore', async () => {
    const store = storeOfProcess();
    expect(await store.openingKey('neverseenkey')).toBe('unknown');
    await store.destroy({ customerId: 'c-lost', keyIds: ['neverseenkey'], why });
    expect(await store.openingKey('neverseenkey')).toBe('destroyed');
  });
});

test('rewrapped keys need only the first master key', async () => {
  const { keyId, key } = await storeOfProcess().sealingKey('c-rewrapped');
  const search = await storeOfProcess().searchKey();
  const both = storeOfProcess(database.db, masterKeys(fresh, old));
  expect(await both.rewrap()).toBeGreaterThan(1);
  expect(await both.rewrap()).toBe(0);
  const after = storeOfProcess(database.db, masterKeys(fresh));
  expect(await after.openingKey(keyId)).toEqual(key);
  expect(await after.searchKey()).toEqual(search);
  await expect(storeOfProcess().openingKey(keyId)).rejects.toThrow('MASTER_KEY_FILE lacks');
});
