import type * as mongodb from 'mongodb';
import { embeddedMongodbUri } from '../config/servers.js';
import type { ServerKind } from './server.js';

export interface MongodbOptions {
  /** path of `mongod` */
  readonly binary: string;
  /** 0 for any free port */
  readonly port: number;
}

const REPLICA_SET = 'orders';
/** Loaded when it is first needed, because the servers start before any package is loaded. */
let driver: Promise<typeof mongodb> | undefined;

/** A single-node replica set, because transactions and change streams need one. */
export function mongodbServer(options: MongodbOptions): ServerKind {
  return {
    name: 'mongodb',
    title: 'MongoDB',
    binary: options.binary,
    ports: { port: { wanted: options.port, variable: 'MONGODB_PORT' } },
    args: (folder, { port }) => [
      `--dbpath=${folder}`,
      '--bind_ip=127.0.0.1',
      `--port=${port}`,
      `--replSet=${REPLICA_SET}`,
      // Shortens the wait at shutdown for another node to take over, because there is none.
      '--setParameter=shutdownTimeoutMillisForSignaledShutdown=100',
      // Ends the transactions of processes that died, because they hold locks. No other transaction
      // takes as long as this.
      '--setParameter=transactionLifetimeLimitSeconds=10',
      '--wiredTigerCacheSizeGB=1',
      '--nounixsocket',
      '--quiet',
    ],
    async makeReady({ port }) {
      const { MongoClient } = await (driver ??= import('mongodb'));
      const client = new MongoClient(embeddedMongodbUri(port), {
        serverSelectionTimeoutMS: 1_000,
        socketTimeoutMS: 2_000,
      });
      try {
        await client.connect();
        await becomePrimary(client.db('admin'), `127.0.0.1:${port}`);
      } finally {
        await client.close();
      }
    },
  };
}

/**
 * Makes the node primary. If the node's port has changed, updates the address that the replica set
 * has stored.
 *
 * @throws Error if the node is not primary yet; the caller then tries again
 */
async function becomePrimary(admin: mongodb.Db, host: string): Promise<void> {
  const hello = await admin.command({ hello: 1 });
  if (hello['isWritablePrimary'] === true) return;
  const problem = await admin.command({ replSetGetStatus: 1 }).then(
    () => undefined,
    (error: unknown) => (error instanceof Error && 'codeName' in error ? error.codeName : undefined),
  );
  if (problem === 'NotYetInitialized') {
    await admin.command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } });
  } else if (problem === 'InvalidReplicaSetConfig') {
    const { config } = await admin.command({ replSetGetConfig: 1 });
    const moved = { ...config, version: config.version + 1, members: [{ ...config.members[0], host }] };
    await admin.command({ replSetReconfig: moved, force: true });
  }
  throw new Error('The node is not the primary yet.');
}
