import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Db } from 'mongodb';
import { addKey, apiKeys, listKeys, revokeKey } from '../../src/access/api-keys.js';
import { createKey } from '../../src/access/key-format.js';
import { type KnownKeysOptions, createKnownKeys } from '../../src/access/known-keys.js';
import { readConfig } from '../../src/server/config.js';
import { connectMongo, type Mongo } from '../../src/server/connections.js';
import { type Database, openDatabase } from '../support/database.js';
import { listen } from '../support/listen.js';
import { shared } from '../support/servers.js';
import { until } from '../support/until.js';

let database: Database;
let db: Db;

beforeAll(async () => {
  database = await openDatabase();
  ({ db } = database);
});
afterAll(() => database.close());

const day = 86_400_000;
const inADay = () => new Date(Date.now() + day);

test('a key is recognizable, is shown once, and is stored as a hash', async () => {
  const added = await addKey(db, { client: 'shop', scopes: ['orders:read'], expiresAt: inADay() });
  expect(added.key).toMatch(new RegExp(`^ordk_${added.keyId}_[\\w-]{43}$`));
  const [, secret = ''] = /_([\w-]{43})$/.exec(added.key) ?? [];
  expect(JSON.stringify(await apiKeys(db).find().toArray())).not.toContain(secret);
  expect(await listKeys(db)).toEqual([
    {
      keyId: added.keyId,
      client: 'shop',
      scopes: ['orders:read'],
      status: 'active',
      createdAt: expect.any(String),
      expiresAt: expect.any(String),
    },
  ]);
});

test('every key of a client authenticates as that client, with scopes of its own', async () => {
  const keys = createKnownKeys(db);
  const [one, other] = await Promise.all([
    addKey(db, { client: 'pos', scopes: ['orders:write'] }),
    addKey(db, { client: 'pos', scopes: ['orders:read', 'money:write'] }),
  ]);
  expect(await keys.check(one.key)).toEqual({
    actor: 'key:pos',
    issuer: 'key:pos',
    scopes: new Set(['orders:write']),
  });
  const { actor, issuer, scopes } = await keys.check(other.key);
  expect({ actor, issuer, scopes: [...scopes].toSorted() }).toEqual({
    actor: 'key:pos',
    issuer: 'key:pos',
    scopes: ['money:write', 'orders:read'],
  });
});

test('a wrong secret, an expired key and a revoked key are refused', async () => {
  const keys = createKnownKeys(db, { freshMs: 0, staleMs: 0 });
  const { key, keyId } = await addKey(db, { client: 'a', scopes: ['ops'] });
  const expired = await addKey(db, { client: 'a', scopes: ['ops'], expiresAt: new Date() });
  const wrong = `${key.slice(0, -2)}${key.endsWith('AA') ? 'BB' : 'AA'}`;
  for (const refused of [wrong, 'ordk_nonsense', expired.key])
    await expect(keys.check(refused)).rejects.toMatchObject({ code: 'invalid_key' });
  await keys.check(key);
  expect(await revokeKey(db, keyId)).toMatchObject({ status: 'revoked' });
  await expect(keys.check(key)).rejects.toMatchObject({ code: 'invalid_key' });
  expect(await revokeKey(db, 'none')).toBeUndefined();
});

test('a revocation reaches a process that knows the key', async () => {
  const keys = createKnownKeys(db, { freshMs: 1, staleMs: 3_000 });
  const { key, keyId } = await addKey(db, { client: 'b', scopes: ['ops'] });
  await keys.check(key);
  await revokeKey(db, keyId);
  await until(() => expect(keys.check(key)).rejects.toMatchObject({ code: 'invalid_key' }));
});

test('the last use of a key is written, but not for every request', async () => {
  const keys = createKnownKeys(db, { freshMs: 0, staleMs: 0 });
  const { key, keyId } = await addKey(db, { client: 'c', scopes: ['ops'] });
  const other = await addKey(db, { client: 'c', scopes: ['ops'] });
  const lastUse = async (id: string) => (await apiKeys(db).findOne({ _id: id }))?.lastUsedAt;
  const written = async (id: string) => {
    await until(async () => expect(await lastUse(id)).toBeInstanceOf(Date));
    return await lastUse(id);
  };
  await keys.check(key);
  const first = await written(keyId);
  for (let i = 0; i < 3; i += 1) await keys.check(key);
  await keys.check(other.key);
  await written(other.keyId);
  expect(await lastUse(keyId)).toEqual(first);
});

test('a burst of new keys waits for its turn, and most of a flood of guessed keys is not looked up', async () => {
  const keys = createKnownKeys(db);
  const added = await Promise.all(
    Array.from({ length: 50 }, (_, n) => addKey(db, { client: `burst-${n}`, scopes: ['ops'] })),
  );
  const actors = await Promise.all(added.map(async ({ key }) => (await keys.check(key)).actor));
  expect(actors).toEqual(added.map(({ client }) => `key:${client}`));

  const guesses = Array.from({ length: 2_000 }, () => keys.check(createKey().key));
  const reasons = (await Promise.allSettled(guesses)).map(
    (one) => one.status === 'rejected' && one.reason.name,
  );
  // It can happen on a busy machine that no key is read in time.
  const unread = reasons.filter((name) => name !== 'NotAuthenticated');
  expect(unread.length).toBeGreaterThanOrEqual(1_000);
  expect(new Set(unread)).toEqual(new Set(['AccessUnavailable']));
  await until(() => expect(keys.check(createKey().key)).rejects.toMatchObject({ name: 'NotAuthenticated' }));
});

test('while MongoDB is away, a known key works for a time, and an unknown key gets no verdict', async () => {
  const server = await mongodbToCut();
  try {
    const { key } = await addKey(db, { client: 'd', scopes: ['ops'] });
    const unknown = await addKey(db, { client: 'd', scopes: ['ops'] });
    const open = (options: KnownKeysOptions) =>
      createKnownKeys(server.mongo.db, { freshMs: 0, staleMs: 0, ...options });
    const [patient, strict] = [open({}), open({ keptMs: 0 })];
    await Promise.all([patient.check(key), strict.check(key)]);
    server.cut();
    expect(await patient.check(key)).toMatchObject({ actor: 'key:d' });
    await expect(patient.check(unknown.key)).rejects.toMatchObject({ name: 'AccessUnavailable' });
    await expect(strict.check(key)).rejects.toMatchObject({ name: 'AccessUnavailable' });
  } finally {
    await server.close();
  }
});

/** A connection to the shared MongoDB that the test can cut. */
async function mongodbToCut(): Promise<{ mongo: Mongo; cut: () => void; close: () => Promise<void> }> {
  const { hostname, port } = new URL(shared.mongodbUri);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const target = connect(Number(port), hostname);
    for (const socket of [client, target]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.pipe(target).pipe(client);
  });
  const proxyPort = await listen(server);
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  const MONGODB_URI = `mongodb://127.0.0.1:${proxyPort}/?directConnection=true`;
  const mongo = connectMongo(readConfig({ MONGODB_URI, MONGODB_DB: db.databaseName }));
  return {
    mongo,
    cut,
    async close() {
      cut();
      server.close();
      await mongo.close();
    },
  };
}
