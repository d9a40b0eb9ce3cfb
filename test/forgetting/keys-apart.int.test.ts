import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { keyRows } from '../../src/sealing/key-store/key-rows.js';
import { ensureTombstoneIndex } from '../../src/forgetting/tombstones.js';
import { connectMongo } from '../../src/server/connections.js';
import { placedOrder, startTestApi, type TestApi } from '../support/api.js';
import { type BreakableServer, breakableMongodb } from '../support/breakable-server.js';
import { whenAtRest } from '../support/headers.js';
import { startSequencing } from '../support/sequencing.js';
import { until } from '../support/until.js';

const LIMIT_MS = 120_000;
const customer = { id: 'c-apart', name: 'Ada Apart', email: 'ada@apart.example' };

/** A separate MongoDB for keys, as with `KEYS_MONGODB_URI`. */
let keyServer: BreakableServer;
let keyClient: MongoClient;
let api: TestApi;
let stopSequencing: () => Promise<void>;

beforeAll(async () => {
  keyServer = await breakableMongodb();
  keyClient = new MongoClient(keyServer.address);
  api = await startTestApi({ KEYS_MONGODB_URI: keyServer.address }, { keyInUseMs: 100 });
  await ensureTombstoneIndex(api.mongo.db);
  await api.startWorker();
  stopSequencing = startSequencing(api.mongo.db);
}, LIMIT_MS);
afterAll(async () => {
  await stopSequencing();
  await api.close();
  await keyClient.close();
  await keyServer.end();
});

test(
  'with KEYS_MONGODB_URI keys are on that server only, and personal data is read and forgotten with it',
  async () => {
    const orderId = await placedOrder(api, { customer });
    expect((await api.get(`/v1/orders/${orderId}`)).body).toMatchObject({ customer });
    const name = api.config.keys.db;
    const kept = keyRows(keyClient.db(name));
    const [row] = await kept.find({ customerId: customer.id }).toArray();
    const { _id: keyId = '' } = row ?? {};
    expect(row).toMatchObject({ sealing: true, wrapped: expect.any(String) });
    expect(await keyRows(api.mongo.client.db(name)).countDocuments()).toBe(0);

    await api.post(`/v1/orders/${orderId}/cancel`, {
      body: { reason: 'changed their mind' },
      headers: whenAtRest,
    });
    const { body } = await until(async () => {
      const answer = await api.post(`/v1/customers/${customer.id}/forget`, {
        body: { reason: 'asked by letter 4711' },
        headers: whenAtRest,
      });
      expect(answer.body).toMatchObject({ status: 'forgotten' });
      return answer;
    });
    expect(body.certificate.keys).toEqual([keyId]);
    const destroyed = await kept.findOne({ _id: keyId });
    expect(destroyed).toMatchObject({ destroyed: { reason: 'asked by letter 4711' } });
    expect(destroyed).not.toHaveProperty('wrapped');
    expect((await api.get(`/v1/orders/${orderId}`)).body).toMatchObject({
      customer: { id: customer.id, name: 'forgotten' },
    });
  },
  LIMIT_MS,
);

test(
  'a server of keys that is killed and revived loses no key',
  async () => {
    const other = { ...customer, id: 'c-revived', name: 'Ada Revived' };
    await placedOrder(api, { customer: other });
    const kept = keyRows(keyClient.db(api.config.keys.db));
    const { _id: keyId = '' } = (await kept.findOne({ customerId: other.id })) ?? {};
    await keyServer.kill();
    await keyServer.revive();
    // A new connection, without the API's cache of keys.
    const restarted = connectMongo(api.config);
    await until(async () => expect(await restarted.keyStore.openingKey(keyId)).toBeInstanceOf(Buffer));
    await restarted.close();
  },
  LIMIT_MS,
);
