import { setTimeout } from 'node:timers/promises';
import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { type Db, MongoClient } from 'mongodb';
import type { Config } from './config.js';
import { isTooLarge } from '../outages/temporal-outage.js';

/** How both kinds of Temporal connection, the client's and the worker's, are made. */
export function temporalConnectionOptions(
  config: Config,
): Pick<Config['temporal'], 'address' | 'tls' | 'apiKey'> {
  const { address, tls, apiKey } = config.temporal;
  return { address, ...(tls && { tls }), ...(apiKey !== undefined && { apiKey }) };
}

/** Well above a page of a history, whose single events may have two million bytes. */
const LARGEST_MESSAGE = 128 * 1024 * 1024;

/**
 * A connection for clients, made at the first call and again after each outage: with Temporal away calls fail, and
 * work as soon as it is back. Workers need a `NativeConnection` of their own.
 *
 * @param largestMessage bytes that an answer may have; one that has more fails at once, since it fails each time
 */
export function connectTemporal(config: Config, largestMessage = LARGEST_MESSAGE): Connection {
  const retries = defaultGrpcRetryOptions();
  return Connection.lazy({
    ...temporalConnectionOptions(config),
    // The SDK means to set as much, and misspells it: gRPC's own limit is 4 MiB.
    channelArgs: { 'grpc.max_receive_message_length': largestMessage },
    interceptors: [
      makeGrpcRetryInterceptor({
        ...retries,
        retryableDecider: (attempt, status) =>
          !isTooLarge(status) && retries.retryableDecider(attempt, status),
      }),
    ],
  });
}

export interface Mongo {
  readonly client: MongoClient;
  /** The database of `MONGODB_DB`. */
  readonly db: Db;
  close(): Promise<void>;
}

const SELECT_SERVER_MS = 2_000;
const SILENT_SOCKET_MS = 5_000;
const RECONNECT_EVERY_MS = 250;

/**
 * A MongoDB client that needs no MongoDB to start with. With MongoDB away, or hanging, every operation fails with a
 * `MongoError` within 10 s, usually 2 s; it works again as soon as MongoDB is back. Writes are acknowledged by a majority and
 * journaled; reads see only such writes.
 */
export function connectMongo(config: Config): Mongo {
  const client = new MongoClient(config.mongodb.uri, {
    appName: 'orders',
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'majority' },
    readPreference: 'primary',
    retryWrites: true,
    retryReads: true,
    ignoreUndefined: true,
    serverSelectionTimeoutMS: SELECT_SERVER_MS,
    connectTimeoutMS: SELECT_SERVER_MS,
    socketTimeoutMS: SILENT_SOCKET_MS,
    heartbeatFrequencyMS: 1_000,
  });
  const closed = new AbortController();
  const connected = connectAtLast(client, closed.signal);
  return {
    client,
    db: client.db(config.mongodb.db),
    async close() {
      closed.abort();
      await client.close();
      await connected;
    },
  };
}

/** The driver recovers from every outage but one: a first connect that fails leaves the client closed for good. */
async function connectAtLast(client: MongoClient, closed: AbortSignal): Promise<void> {
  while (!closed.aborted) {
    try {
      await client.connect();
      return;
    } catch {
      await setTimeout(RECONNECT_EVERY_MS);
    }
  }
}
