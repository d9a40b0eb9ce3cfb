import { join } from 'node:path';
import process from 'node:process';
import { Client, Connection } from '@temporalio/client';
import { type Db, MongoClient } from 'mongodb';
import { type RoleProcess, startRoleProcess } from '../../support/role-process.js';
import { startPrivateServers } from '../../support/servers.js';
import type { BareApi, BareOrders, Phase } from '../baselines/bare-messages.js';
import { type Dataset, fill } from '../data/dataset.js';
import { orderShape } from '../data/order-history.js';
import { HttpConnection } from './http-connection.js';
import { type RemoteFunctions, type Remote, startRemote } from './remote.js';
import type { Judged } from './result.js';

/** What is measured: one subject with its baseline. */
export interface Measurement {
  readonly name: string;
  /** whether it uses the `dataset` */
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

/**
 * The tools of a measurement. The servers, the product and the bare worker keep running from one
 * measurement to the next. Everything else that is started ends with the measurement.
 */
export interface Bench extends BenchOptions {
  readonly temporalAddress: string;
  readonly mongodbUri: string;
  readonly temporal: Client;
  /** the database of the product */
  readonly db: Db;
  /** shows progress in a few words */
  readonly note: (text: string) => void;
  /** Returns `full` by default, `quick` with `--quick`. */
  pick<T>(full: T, quick: T): T;
  /**
   * The orders that were in the database before the first measurement. @throws Error if the
   * database was not filled
   */
  dataset(): Dataset;
  /** The product as a user starts it: all roles in one process. @returns its address */
  product(): Promise<string>;
  /** The process ids of the servers and of `product`. */
  pids(): Promise<{ readonly product: number; readonly temporal: number; readonly mongodb: number }>;
  /**
   * A new process of the product with further variables. The process with all roles is stopped
   * first.
   */
  productWith(env: Readonly<Record<string, string>>): Promise<RoleProcess>;
  /** Another process of the product, with further variables. Those that run already continue. */
  productBeside(env: Readonly<Record<string, string>>): Promise<RoleProcess>;
  /** The shape of an order on the happy path. */
  orderShape(): Promise<readonly Phase[]>;
  bareOrders(): Promise<Remote<BareOrders>>;
  /** `bareOrders` with two durable writes in each activity. It ends with the measurement. */
  durableOrders(): Promise<Remote<BareOrders>>;
  /** @returns its address */
  bareApi(): Promise<string>;
  /** Another process, which ends with the measurement; see `startRemote`. */
  remote<O extends RemoteFunctions>(
    module: string,
    env?: Readonly<Record<string, string>>,
  ): Promise<Remote<O>>;
  /** @param headers sent with every request */
  connect(
    address: string,
    count: number,
    headers?: Readonly<Record<string, string>>,
  ): Promise<readonly [HttpConnection, ...HttpConnection[]]>;
  /** Ends everything that runs from one measurement to the next, except the servers. */
  endKept(): Promise<void>;
  /** Calls `end` when the measurement ends; the last one added is called first. */
  atEnd(end: () => void | Promise<void>): void;
}

/** The servers that all measurements share. */
export interface BenchServers {
  /** Fills the database. Call it before the first measurement, or not at all. */
  fill(note: (text: string) => void): Promise<void>;
  /** Runs a measurement, and ends whatever it has started. */
  measure(measurement: Measurement, note: (text: string) => void): Promise<readonly Judged[]>;
  /** Ends everything. May be called again. */
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
  const bareEnv = { TEMPORAL_ADDRESS: temporalAddress, BUNDLE: bareBundle };
  let dataset: Dataset | undefined;
  let shape: Promise<readonly Phase[]> | undefined;
  let kept: { product?: RoleProcess; bareOrders?: Remote<BareOrders> } = {};
  const processes: Promise<{ stop(): Promise<void> }>[] = [];
  let stopped: Promise<void> | undefined;
  let ends: (() => void | Promise<void>)[] = [];

  async function endAll(): Promise<void> {
    const due = ends.toReversed();
    ends = [];
    for (const end of due) await end();
  }

  async function endKept(): Promise<void> {
    const { product, bareOrders } = kept;
    kept = {};
    await product?.stop();
    await bareOrders?.stop();
  }

  /** Starts a process. If it still runs at the end of the benchmark, `stop` ends it. */
  async function start<P extends { stop(): Promise<void> }>(begin: () => Promise<P>): Promise<P> {
    if (stopped !== undefined) throw new Error('The benchmark is being stopped.');
    const begun = begin();
    processes.push(begun);
    return await begun;
  }

  async function startProduct(env: Readonly<Record<string, string>>): Promise<RoleProcess> {
    const variables = {
      TEMPORAL_ADDRESS: temporalAddress,
      MONGODB_URI: mongodbUri,
      MONGODB_DB: DATABASE,
      // The orders of the dataset have no workflow. A reconciliation would mark each of them as
      // stopped, and reads of marked orders cost more.
      RECONCILE_INTERVAL: '365d',
      ...(options.profile !== undefined && {
        NODE_OPTIONS: `--import=${new URL('profiler.js', import.meta.url).href}`,
        PROFILE_DIR: options.profile,
      }),
      ...env,
    };
    return await start(() => startRoleProcess(variables));
  }

  function benchOf(note: (text: string) => void): Bench {
    const atEnd = (end: () => void | Promise<void>): void => void ends.push(end);
    async function product(): Promise<RoleProcess> {
      if (kept.product === undefined) {
        note('starting the product');
        kept.product = await startProduct({});
      }
      return kept.product;
    }

    async function connect(address: string, count: number, headers?: Readonly<Record<string, string>>) {
      const first = await HttpConnection.open(address, headers);
      const others = Array.from({ length: count - 1 }, () => HttpConnection.open(address, headers));
      const connections: [HttpConnection, ...HttpConnection[]] = [first, ...(await Promise.all(others))];
      atEnd(() => connections.forEach((one) => one.close()));
      return connections;
    }

    async function remote<O extends RemoteFunctions>(
      module: string,
      env: Readonly<Record<string, string>> = {},
    ) {
      const started = await start(() => startRemote<O>(module, env));
      atEnd(() => started.stop());
      return started;
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
      endKept,
      product: async () => (await product()).address,
      pids: async () => ({ product: (await product()).pid, ...servers.pids() }),
      async productWith(env) {
        await endKept();
        note('starting the product');
        const started = await startProduct(env);
        atEnd(() => started.stop());
        return started;
      },
      async productBeside(env) {
        note('starting another process');
        const started = await startProduct(env);
        atEnd(() => started.stop());
        return started;
      },
      orderShape: () =>
        (shape ??= (async () => {
          const [api] = await connect((await product()).address, 1);
          return await orderShape(new Client({ connection }), api);
        })()),
      async bareOrders() {
        return (kept.bareOrders ??= await start(() =>
          startRemote<BareOrders>('baselines/bare-orders.js', bareEnv),
        ));
      },
      durableOrders: () =>
        remote<BareOrders>('baselines/bare-orders.js', { ...bareEnv, MONGODB_URI: mongodbUri }),
      async bareApi() {
        const env = { MONGODB_URI: mongodbUri, MONGODB_DB: DATABASE };
        const bare = await remote<BareApi>('baselines/bare-api.js', env);
        return await bare.call('address');
      },
      remote,
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
    stop: () =>
      (stopped ??= (async () => {
        await endAll();
        await Promise.all(processes.map(async (begun) => await (await begun.catch(() => undefined))?.stop()));
        await connection.close();
        await mongo.close();
        await servers.stop();
      })()),
  };
}
