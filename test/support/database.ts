import type { Db } from 'mongodb';
import type { OrderEvent } from '../../src/order/events.js';
import { readConfig } from '../../src/server/config.js';
import { connectMongo } from '../../src/server/connections.js';
import { dropDatabases } from './databases.js';
import { shared, uniqueName } from './servers.js';
import type { Scenario } from '../order/specification.js';

export interface Database {
  readonly db: Db;
  /** Drops the database and that of its sandbox provider. */
  close(): Promise<void>;
}

/** A database for one test file, with the connection settings of the product. */
export function openDatabase(): Database {
  const mongo = connectMongo(readConfig({ MONGODB_URI: shared.mongodbUri, MONGODB_DB: uniqueName('test') }));
  return {
    db: mongo.db,
    async close() {
      await dropDatabases(mongo.db);
      await mongo.close();
    },
  };
}

/** The log of a scenario, with `orderId` in place of the scenario's own order id. */
export function logOf(scenario: Scenario, orderId: string): readonly [OrderEvent, ...OrderEvent[]] {
  return JSON.parse(JSON.stringify(scenario.log).replaceAll(scenario.order.orderId, orderId));
}
