import type { Db } from 'mongodb';
import type { OrderEvent } from '../../src/domain/events.js';
import { readConfig } from '../../src/platform/config.js';
import { connectMongo } from '../../src/platform/connections.js';
import { dropDatabases } from '../support/databases.js';
import { shared, uniqueName } from '../support/servers.js';
import type { Scenario } from '../domain/specification.js';

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
