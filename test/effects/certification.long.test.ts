import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { certify } from '../support/certify.js';
import { openDatabase, type Database } from '../support/database.js';
import { shared } from '../support/servers.js';
import { setUpStock } from '../support/stock.js';

let database: Database;
beforeAll(async () => {
  database = await openDatabase();
  await setUpStock(database.db);
});
afterAll(() => database.close());

test.each(['payments', 'inventory', 'carriers'] as const)(
  'the built-in provider of %s is certified',
  async (kind) => {
    const env = { MONGODB_URI: shared.mongodbUri, MONGODB_DB: database.db.databaseName };
    const { exitCode, failed } = await certify(kind, 'sandbox', env);
    expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: [] });
  },
  300_000,
);
