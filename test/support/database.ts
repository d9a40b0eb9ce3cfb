import type { Db } from 'mongodb';
import type { OrderEvent } from '../../src/order/events.js';
import { readConfig } from '../../src/server/config.js';
import { connectMongo } from '../../src/server/connections.js';
import { dropDatabases } from './databases.js';
import { shared, uniqueName } from './servers.js';
import type { Scenario } from '../order/specification.js';

export interface Database {
  readonly db: Db;
  /** Drops it, and its sandbox provider's. */
  close(): Promise<void>;
}

/** A database of a test file's own, connected to as the product does. */
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

/** The log of a scenario as another order's, whatever the scenario's. */
export function logOf(scenario: Scenario, orderId: string): readonly [OrderEvent, ...OrderEvent[]] {
  return JSON.parse(JSON.stringify(scenario.log).replaceAll(scenario.order.orderId, orderId));
}
