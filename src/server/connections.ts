import { Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { type Db, MongoClient, type MongoClientOptions } from 'mongodb';
import { join } from 'node:path';
import type { KeyStore } from '../sealing/key-store/key-store.js';
import { createKeyStore } from '../sealing/key-store/mongo-key-store.js';
import type { MasterKeys } from '../sealing/key-store/master-keys.js';
import { bindKeyStore } from '../sealing/key-store/key-store-of.js';
import { constantBackOff } from '../concurrency/back-off.js';
import { createWebhookSecrets, type WebhookSecrets } from '../sealing/key-store/webhook-secrets.js';
import { retryUntilDone } from '../concurrency/retry-until-done.js';
import { messageOf } from '../outages/message-of.js';
import { isTooLarge } from '../outages/temporal-outage.js';
import type { Config } from './config.js';
import { ConfigError } from './config/variables.js';
import { keysToStoreIn } from './keys/keys-to-store-folder.js';
import { masterKeysOf } from './keys/master-key-file.js';

/** Options that the client's and the worker's connection to Temporal share. */
export function temporalConnectionOptions(
  config: Config,
): Pick<Config['temporal'], 'address' | 'tls' | 'apiKey'> {
  const { address, tls, apiKey } = config.temporal;
  return { address, ...(tls && { tls }), ...(apiKey !== undefined && { apiKey }) };
}

/**
 * Maximum size of an answer in bytes, well above that of a page of a history. A single event may
 * have 2 MB.
 */
const MAX_MESSAGE_BYTES = 128 * 1024 * 1024;

/**
 * A connection for clients. It connects lazily and reconnects after outages: while Temporal is
 * unavailable, calls fail. Workers need a `NativeConnection` of their own.
 *
 * @param maxMessageBytes maximum size of an answer in bytes; a larger one fails immediately,
 * without retries
 */
export function connectTemporal(config: Config, maxMessageBytes = MAX_MESSAGE_BYTES): Connection {
  const retries = defaultGrpcRetryOptions();
  return Connection.lazy({
    ...temporalConnectionOptions(config),
    // The SDK intends to raise gRPC's limit of 4 MiB, but misspells the option.
    channelArgs: { 'grpc.max_receive_message_length': maxMessageBytes },
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
  /** the database `MONGODB_DB` */
  readonly db: Db;
  /** the keys of the personal data in that database */
  readonly keyStore: KeyStore;
  readonly webhookSecrets: WebhookSecrets;
  close(): Promise<void>;
}

const SELECT_SERVER_MS = 2_000;
const SILENT_SOCKET_MS = 5_000;
const RECONNECT_MS = 250;

/**
 * A MongoDB client that can be made while MongoDB is unavailable. During an outage, every operation
 * fails with a `MongoError` within 10 s, usually within 2 s, and works again when MongoDB is back.
 * Writes are acknowledged by a majority and journaled; reads see only such writes.
 *
 * @throws ConfigError if the connection string cannot be used
 */
export function connectMongo(config: Config): Mongo {
  const closed = new AbortController();
  const orders = connect('MONGODB_URI', config.mongodb.uri, closed.signal);
  const ofKeys =
    config.keys.uri === undefined ? orders : connect('KEYS_MONGODB_URI', config.keys.uri, closed.signal);
  const db = orders.client.db(config.mongodb.db);
  const keysDb = ofKeys.client.db(config.keys.db);
  let known: MasterKeys | undefined;
  const masterKeys = () => (known ??= masterKeysOf(config));
  const keyStore = createKeyStore(
    keysDb,
    masterKeys,
    keysToStoreIn(join(config.embedded.dataDir, 'keys-to-store', config.keys.db)),
  );
  bindKeyStore(db, keyStore);
  return {
    client: orders.client,
    db,
    keyStore,
    webhookSecrets: createWebhookSecrets(keysDb, masterKeys),
    async close() {
      await keyStore.close();
      closed.abort();
      for (const { client, connected } of new Set([orders, ofKeys])) {
        await client.close();
        await connected;
      }
    },
  };
}

function connect(
  variable: string,
  uri: string,
  closed: AbortSignal,
): { readonly client: MongoClient; readonly connected: Promise<void> } {
  const client = clientOf(variable, uri, {
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
    heartbeatFrequencyMS: 2_000,
    // Streaming would send twice as many requests and open a second connection, but would not
    // notice a silent server sooner. If a primary steps down, the next command fails and reports
    // it.
    serverMonitoringMode: 'poll',
  });
  return { client, connected: connectUntilDone(client, closed) };
}

function clientOf(variable: string, uri: string, options: MongoClientOptions): MongoClient {
  try {
    return new MongoClient(uri, options);
  } catch (error) {
    throw new ConfigError(`${variable} cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}

/**
 * Repeats the first connect until it succeeds, because a client whose first connect fails stays
 * closed. The driver recovers from every later outage by itself.
 */
async function connectUntilDone(client: MongoClient, closed: AbortSignal): Promise<void> {
  const backOff = constantBackOff(RECONNECT_MS);
  await retryUntilDone(async () => await client.connect(), { signal: closed, backOff });
}

/** The variables that decide how a server is reached over TLS. */
const tlsVariables = new Map([
  [
    'Temporal',
    'TEMPORAL_TLS_SERVER_CA_CERT_PATH (the CA of the server), TEMPORAL_TLS_SERVER_NAME (the name in its certificate), ' +
      'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH',
  ],
  ['MongoDB', 'tlsCAFile (the CA of the server), tlsCertificateKeyFile and the host names in MONGODB_URI'],
]);

/**
 * What to check when something fails because of TLS.
 *
 * @param of what fails: `Temporal` or `MongoDB`; for anything else there is no advice
 * @returns an empty text if the problem has nothing to do with TLS
 */
export function tlsAdvice(of: string, problem: string): string {
  const toCheck = tlsVariables.get(of);
  const isTls = /certificate|\btls\b|\bssl\b/i.test(problem);
  return isTls && toCheck !== undefined ? ` (check ${toCheck})` : '';
}
