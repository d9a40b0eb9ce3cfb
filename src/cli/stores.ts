import { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Config } from '../server/config.js';
import { connectMongo, connectTemporal } from '../server/connections.js';
import { messageOf } from '../outages/message-of.js';
import { isMongoOutage } from '../outages/mongo-outage.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { exitCodes, Failure } from './failure.js';

export interface Stores {
  readonly client: Client;
  readonly db: Db;
}

/**
 * Works with Temporal and MongoDB themselves, without the API: what looks at both sides must not take the word of one.
 *
 * @throws Failure `unavailable` where one of them cannot be reached
 */
export async function withStores<T>(config: Config, work: (stores: Stores) => Promise<T>): Promise<T> {
  const connection = connectTemporal(config);
  const mongo = connectMongo(config);
  try {
    const client = new Client({ connection, namespace: config.temporal.namespace });
    return await work({ client, db: mongo.db });
  } catch (error) {
    if (isTemporalOutage(error)) throw unavailable('Temporal', config.temporal.address, error);
    if (isMongoOutage(error)) throw unavailable('MongoDB', 'MONGODB_URI', error);
    throw error;
  } finally {
    await Promise.all([mongo.close(), connection.close()]);
  }
}

const REACHED_WITHIN_MS = 3_000;

/** Fails soon where Temporal is away; its client tries much longer. */
export async function reachTemporal({ client: { connection } }: Stores): Promise<void> {
  await connection.withDeadline(Date.now() + REACHED_WITHIN_MS, () =>
    connection.workflowService.getSystemInfo({}),
  );
}

function unavailable(server: string, address: string, error: unknown): Failure {
  const message = `${server} (${address}) does not answer: ${messageOf(error)}; start it with \`npm start\``;
  return new Failure(exitCodes.unavailable, { code: 'unavailable', message });
}
