import { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { KeyStore } from '../../src/sealing/key-store/key-store.js';
import { readConfig } from '../../src/server/config.js';
import { connectMongo, connectTemporal } from '../../src/server/connections.js';
import { dropDatabases } from './database.js';
import { type RoleProcess, startRoleProcess } from './role-process.js';
import { shared, uniqueName } from './servers.js';

/** The webhook secrets of every system under test. */
export const webhookSecrets = {
  payments: `whsec_${Buffer.from('payments-of-the-end-to-end-tests').toString('base64')}`,
  carriers: `whsec_${Buffer.from('carriers-of-the-end-to-end-tests').toString('base64')}`,
};

/** Processes of this project with one database and one task queue, and direct access to both. */
export interface System {
  readonly db: Db;
  readonly keyStore: KeyStore;
  readonly client: Client;
  readonly taskQueue: string;
  /** Starts a process with `roles` (separated by commas) and further variables. */
  start(roles: string, env?: Readonly<Record<string, string>>): Promise<RoleProcess>;
  /** Ends all processes and drops the databases. */
  end(): Promise<void>;
}

/** Addresses of a test's own servers; by default, those that all tests share. */
export interface ServerAddresses {
  readonly temporal?: string;
  readonly mongodb?: string;
}

export function createSystem({
  temporal = shared.temporalAddress,
  mongodb = shared.mongodbUri,
}: ServerAddresses = {}): System {
  const name = uniqueName('system');
  const variables = {
    TEMPORAL_ADDRESS: temporal,
    TEMPORAL_TASK_QUEUE: name,
    MONGODB_URI: mongodb,
    MONGODB_DB: name,
    PAYMENTS_WEBHOOK_SECRET: webhookSecrets.payments,
    CARRIERS_WEBHOOK_SECRET: webhookSecrets.carriers,
  };
  const config = readConfig(variables);
  const connection = connectTemporal(config);
  const mongo = connectMongo(config);
  const processes: RoleProcess[] = [];
  return {
    db: mongo.db,
    keyStore: mongo.keyStore,
    client: new Client({ connection, namespace: config.temporal.namespace }),
    taskQueue: name,
    async start(roles, env = {}) {
      const started = await startRoleProcess({ ...variables, ROLES: roles, ...env });
      processes.push(started);
      return started;
    },
    async end() {
      await Promise.all(processes.map((started) => started.stop()));
      await dropDatabases(mongo.db).catch(() => undefined);
      await mongo.close();
      await connection.close();
    },
  };
}
