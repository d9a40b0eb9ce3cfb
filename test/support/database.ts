import type { Db } from 'mongodb';
import { sandboxDatabase } from '../../src/effects/sandbox-database.js';
import type { OrderEvent } from '../../src/order/events.js';
import { readConfig } from '../../src/server/config.js';
import { connectMongo, type Mongo } from '../../src/server/connections.js';
import type { Scenario } from '../order/specification.js';
import { shared, uniqueName } from './servers.js';
import { until } from './until.js';

export interface Database {
  readonly db: Db;
  /** Drops the database, that of its sandbox provider, and that of its keys. */
  close(): Promise<void>;
}

/** A database for one test file, with the connection settings of the product. */
export async function openDatabase(): Promise<Database> {
  const mongo = connectMongo(readConfig({ MONGODB_URI: shared.mongodbUri, MONGODB_DB: uniqueName('test') }));
  await untilAnswering(mongo);
  return {
    db: mongo.db,
    async close() {
      await dropDatabases(mongo.db);
      await mongo.close();
    },
  };
}

/** Drops a test's database, that of its sandbox provider, and that of its keys. */
export async function dropDatabases(db: Db): Promise<void> {
  const keys = db.client.db(`${db.databaseName}_keys`);
  await Promise.all([db.dropDatabase(), sandboxDatabase(db).dropDatabase(), keys.dropDatabase()]);
}

/**
 * Waits for the first connection, which on a busy machine may take longer than one operation waits.
 */
export async function untilAnswering({ db }: Pick<Mongo, 'db'>): Promise<void> {
  await until(() => db.command({ ping: 1 }));
}

/** The log of a scenario, with `orderId` in place of the scenario's own order id. */
export function logOf(scenario: Scenario, orderId: string): readonly [OrderEvent, ...OrderEvent[]] {
  return JSON.parse(JSON.stringify(scenario.log).replaceAll(scenario.order.orderId, orderId));
}
