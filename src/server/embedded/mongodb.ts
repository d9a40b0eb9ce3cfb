import type * as mongodb from 'mongodb';
import { embeddedMongodbUri } from '../config.js';
import type { ServerKind } from './server.js';

export interface MongodbOptions {
  /** Path of mongod. */
  readonly binary: string;
  /** 0: any free port. */
  readonly port: number;
}

const REPLICA_SET = 'orders';
/** Loaded while the server starts, not before. */
let driver: Promise<typeof mongodb> | undefined;

/** A mongod that is the one node of a replica set, so that transactions and change streams work. */
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
      // There is no other node to hand over to, so none to wait for at shutdown.
      '--setParameter=shutdownTimeoutMillisForSignaledShutdown=100',
      // What a process that died had in a transaction stays locked for that long; no transaction here takes longer.
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
 * Makes the node the primary of its set, whose recorded address is another one when the port changed since.
 * @throws Error when it is not the primary yet; then call it again.
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
