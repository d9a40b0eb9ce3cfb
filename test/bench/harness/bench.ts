import { join } from 'node:path';
import process from 'node:process';
import { Client, Connection } from '@temporalio/client';
import { type Db, MongoClient } from 'mongodb';
import { type RoleProcess, startRoleProcess } from '../../support/role-process.js';
import { startPrivateServers } from '../../support/servers.js';
import type { BareApi, BareOrders } from '../baselines/bare-messages.js';
import { type Dataset, fill } from '../data/dataset.js';
import { HttpConnection } from './http-connection.js';
import type { Judged } from './result.js';
import { type Remote, startRemote } from './remote.js';

/** One subject: what is measured, and against what. */
export interface Measurement {
  readonly name: string;
  /** it asks for the `dataset` */
  readonly needsDataset?: true;
  readonly run: (bench: Bench) => Promise<readonly Judged[]>;
}

export interface BenchOptions {
  readonly quick: boolean;
  /** orders in the database */
  readonly orders: number;
  /** a folder for CPU profiles of the product's processes */
  readonly profile?: string;
}

/** What a measurement is given to work with. What it starts ends when the measurement does, but for the servers. */
export interface Bench extends BenchOptions {
  readonly temporalAddress: string;
  readonly mongodbUri: string;
  readonly temporal: Client;
  /** the product's */
  readonly db: Db;
  /** tells in a few words how far it is */
  readonly note: (text: string) => void;
  /** the first by default, the second with `--quick` */
  pick<T>(full: T, quick: T): T;
  /** The orders that were there before anything was measured. @throws Error where the database was not filled */
  dataset(): Dataset;
  /** A process of the product, as a user starts it: with all roles, unless `env` says otherwise. */
  product(env?: Readonly<Record<string, string>>): Promise<RoleProcess>;
  bareOrders(): Promise<Remote<BareOrders>>;
  /** @returns its address */
  bareApi(): Promise<string>;
  connect(address: string, count: number): Promise<readonly [HttpConnection, ...HttpConnection[]]>;
  /** `end` is called when the measurement ends, the last one first. */
  atEnd(end: () => void | Promise<void>): void;
}

/** The servers that all measurements share. */
export interface BenchServers {
  /** Fills the database; to be called before anything is measured, or not at all. */
  fill(note: (text: string) => void): Promise<void>;
  /** Runs a measurement, and ends whatever it has started. */
  measure(measurement: Measurement, note: (text: string) => void): Promise<readonly Judged[]>;
  stop(): Promise<void>;
}

const DATABASE = 'orders';
const bareBundle = join(process.cwd(), '.cache', 'bench', 'bare-workflow-bundle.js');

export async function startBench(options: BenchOptions): Promise<BenchServers> {
  const servers = await startPrivateServers();
  const { temporalAddress, mongodbUri } = servers;
  const connection = await Connection.connect({ address: temporalAddress });
  const mongo = await MongoClient.connect(mongodbUri);
  const db = mongo.db(DATABASE);
  let dataset: Dataset | undefined;
  let ends: (() => void | Promise<void>)[] = [];

  async function endAll(): Promise<void> {
    const due = ends.toReversed();
    ends = [];
    for (const end of due) await end();
  }

  function benchOf(note: (text: string) => void): Bench {
    const atEnd = (end: () => void | Promise<void>): void => void ends.push(end);
    async function product(env: Readonly<Record<string, string>> = {}): Promise<RoleProcess> {
      note('starting the product');
      const started = await startRoleProcess({
        TEMPORAL_ADDRESS: temporalAddress,
        MONGODB_URI: mongodbUri,
        MONGODB_DB: DATABASE,
        ...(options.profile !== undefined && {
          NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${options.profile}`,
        }),
        ...env,
      });
      atEnd(() => started.stop());
      return started;
    }

    async function connect(address: string, count: number) {
      const first = await HttpConnection.open(address);
      const others = Array.from({ length: count - 1 }, () => HttpConnection.open(address));
      const connections: [HttpConnection, ...HttpConnection[]] = [first, ...(await Promise.all(others))];
      atEnd(() => connections.forEach((one) => one.close()));
      return connections;
    }

    return {
      ...options,
      temporalAddress,
      mongodbUri,
      temporal: new Client({ connection }),
      db,
      note,
      atEnd,
      pick: (full, quick) => (options.quick ? quick : full),
      dataset() {
        if (dataset === undefined) throw new Error('The database was not filled.');
        return dataset;
      },
      product,
      async bareOrders() {
        const env = { TEMPORAL_ADDRESS: temporalAddress, BUNDLE: bareBundle };
        const bare = await startRemote<BareOrders>('baselines/bare-orders.js', env);
        atEnd(() => bare.stop());
        return bare;
      },
      async bareApi() {
        const env = { MONGODB_URI: mongodbUri, MONGODB_DB: DATABASE };
        const bare = await startRemote<BareApi>('baselines/bare-api.js', env);
        atEnd(() => bare.stop());
        return await bare.call('address');
      },
      connect,
    };
  }

  return {
    async fill(note) {
      dataset = await fill(db, options.orders, note);
    },
    async measure(measurement, note) {
      try {
        return await measurement.run(benchOf(note));
      } finally {
        await endAll();
      }
    },
    async stop() {
      await endAll();
      await connection.close();
      await mongo.close();
      await servers.stop();
    },
  };
}
