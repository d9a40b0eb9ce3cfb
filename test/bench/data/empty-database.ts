import type { Db } from 'mongodb';
import { ensureJournalIndexes } from '../../../src/log/journal/journal.js';
import { ensureStateViewIndexes } from '../../../src/log/entity-log/state-view.js';
import { orderLog } from '../../../src/order-log.js';
import { readConfig } from '../../../src/server/config.js';
import { connectMongo } from '../../../src/server/connections.js';
import type { Bench } from '../harness/bench.js';

/** An empty database, connected to as the product does. */
export async function emptyDatabase(bench: Bench, name: string): Promise<Db> {
  const mongo = connectMongo(readConfig({ MONGODB_URI: bench.mongodbUri, MONGODB_DB: name }));
  bench.atEnd(async () => {
    await mongo.db.dropDatabase();
    await mongo.close();
  });
  await mongo.client.connect();
  await Promise.all([ensureJournalIndexes(orderLog, mongo.db), ensureStateViewIndexes(orderLog, mongo.db)]);
  return mongo.db;
}
