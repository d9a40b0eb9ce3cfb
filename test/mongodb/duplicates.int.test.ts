import { afterAll, expect, test } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { duplicatesIn } from '../../src/mongodb/duplicates.js';
import { isMongoOutage } from '../../src/outages/mongo-outage.js';
import { shared, uniqueName } from '../support/servers.js';

const client = new MongoClient(shared.mongodbUri);
const db = client.db(uniqueName('duplicates'));
afterAll(async () => {
  await db.dropDatabase();
  await client.close();
});

test('duplicate keys of a bulk insert are told apart from all other errors', async () => {
  const things = db.collection<{ _id: number }>('things');
  await things.insertOne({ _id: 2 });
  const documents = [1, 2, 3].map((_id) => ({ _id }));
  const insert = (into = things) => into.insertMany(documents, { ordered: false }).catch((error) => error);
  expect(duplicatesIn(await insert())).toEqual([1]);

  // In an outage the driver throws the same class of error, but without a failed write.
  const nowhere = new MongoClient('mongodb://127.0.0.1:1', { serverSelectionTimeoutMS: 200 });
  const away = await insert(nowhere.db().collection('things'));
  expect(away).toBeInstanceOf(Error);
  expect(duplicatesIn(away)).toBeUndefined();
  expect(isMongoOutage(away)).toBe(true);
  await nowhere.close();
});
