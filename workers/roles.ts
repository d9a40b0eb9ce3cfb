import type { Db } from 'mongodb';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureAttentionIndexes } from '../src/attention/indexes.js';
import { ensureCommandIndexes } from '../src/kafka/command-rows.js';
import { ensureReaderIndexes } from '../src/delivery/readers.js';
import { ensureDeliveryIndexes } from '../src/delivery/webhooks/rows.js';
import { setUpSandboxLabels } from '../src/effects/carriers/sandbox-carriers.js';
import { ensureStockIndexes } from '../src/effects/inventory/stock.js';
import { setUpSandbox } from '../src/effects/payments/sandbox-set-up.js';
import type { Providers } from '../src/effects/provider-modules.js';
import { ensureForgettingIndexes } from '../src/forgetting/forgettings.js';
import { ensureTombstoneIndex, holdUntilForgottenKeysAreDestroyed } from '../src/forgetting/tombstones.js';
import { detectDatabaseLoss } from '../src/identity/database-identity.js';
import { FeedTail } from '../src/log/feed/tail.js';
import { ensureJournalIndexes } from '../src/log/journal/journal.js';
import { ensureStateViewIndexes } from '../src/log/entity-log/state-view.js';
import { createStepMetrics } from '../src/log/recording/step-metrics.js';
import { ensureParkedEventIndexes } from '../src/log/views/parked-events.js';
import { logs } from '../src/entity-logs.js';
import { orderLog } from '../src/order-log.js';
import type { Config } from '../src/server/config.js';
import { connectMongo, connectTemporal } from '../src/server/connections.js';
import { ensureMasterKeys } from '../src/server/keys/master-key-file.js';
import { createLogger } from '../src/server/logging/logger.js';
import { setUp } from '../src/server/set-up.js';
import { startFeed } from './roles/feed.js';
import type { RoleContext, RunningRole } from './roles/role.js';
import { startTracking } from './roles/tracking.js';
import { installRuntime, startMainWorker } from './roles/worker.js';
import { stage } from '../src/bootstrap/progress.mjs';
import { type Close, closeInOrder } from './stop.js';

const WORKFLOW_BUNDLE = { codePath: fileURLToPath(new URL('../workflow-bundle.js', import.meta.url)) };
/** The page, as `workers/bundles/page.mjs` has built it. */
const PAGE_FOLDER = fileURLToPath(new URL('../web', import.meta.url));
/** The steps that set MongoDB up for the roles. Each step is idempotent. */
const SET_UP_STEPS = [
  ...logs.flatMap((log) => [
    (db: Db) => ensureJournalIndexes(log, db),
    (db: Db) => ensureStateViewIndexes(log, db),
  ]),
  ensureParkedEventIndexes,
  ensureStockIndexes,
  ensureAttentionIndexes,
  ensureForgettingIndexes,
  ensureDeliveryIndexes,
  ensureCommandIndexes,
  ensureReaderIndexes,
  ensureTombstoneIndex,
  setUpSandbox,
  setUpSandboxLabels,
];
/** How long to wait for a server before the start continues without it. */
const SERVER_WAIT_MS = 10_000;
/**
 * How long each step may take when the roles stop. The steps are in their order, and their sum is
 * well below the `stop_grace_period` in docker-compose.yml.
 */
export const STOP_LIMITS_MS = {
  /** What sends commands stops first, because a worker of this process may have to answer them. */
  senders: 3_500,
  /** Workers and leased tasks stop next, because they need the connections to end their work. */
  workers: 3_500,
  connections: 500,
};

export interface RolesOptions {
  readonly config: Config;
  readonly providers: Providers;
  readonly stopping: AbortSignal;
}

/** Each is `http://host:port`. */
export interface Addresses {
  /** absent if no role has an API */
  readonly api?: string;
  /** absent without `OPS_PORT` */
  readonly operations?: string;
}

export interface RunningRoles extends RunningRole {
  readonly addresses: Addresses;
}

/** How to close what is open, by the step that closes it. */
type Opened = Readonly<Record<keyof typeof STOP_LIMITS_MS, Close[]>>;

/** Starts the roles of this process. If one cannot be started, stops the others. */
export async function startRoles(options: RolesOptions): Promise<RunningRoles> {
  const opened: Opened = { senders: [], workers: [], connections: [] };
  const { senders, workers, connections } = STOP_LIMITS_MS;
  const stop = async (): Promise<void> =>
    await closeInOrder([
      { limitMs: senders, closes: opened.senders },
      { limitMs: workers, closes: opened.workers },
      { limitMs: connections, closes: opened.connections },
    ]);
  try {
    return { addresses: await openRoles(options, opened), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Starts the roles, and adds each to `opened` as soon as it exists.
 *
 * @throws AbortError if `stopping` has aborted
 */
async function openRoles(options: RolesOptions, opened: Opened): Promise<Addresses> {
  const { config, stopping } = options;
  const { roles } = config;
  ensureMasterKeys(config);
  const context = connect(options, opened);
  installRuntime(context.logger);
  const needed = [setUp({ ...context, setUpSteps: SET_UP_STEPS, detectDatabaseLoss, abort: stopping })];
  if (roles.has('worker')) needed.push(openWorker(context, opened));
  if (roles.has('feed')) needed.push(openFeed(context, opened));
  if (roles.has('kafka')) await openKafka(context, opened);
  const hasApi = roles.has('write') || roles.has('read');
  const addresses = hasApi
    ? await stage('Starting the API', () => serveApi(context, stopping, opened))
    : await serveOperations(context, opened);
  await getReady(needed, stopping);
  return addresses;
}

/** The connections that the roles share. */
function connect({ config, providers, stopping }: RolesOptions, { connections }: Opened): RoleContext {
  const temporal = connectTemporal(config);
  connections.push(() => temporal.close());
  const mongo = connectMongo(config);
  connections.push(() => mongo.close());
  holdUntilForgottenKeysAreDestroyed(mongo, stopping);
  const tail = new FeedTail(orderLog, mongo.db);
  connections.push(() => tail.stop());
  return {
    config,
    temporal,
    mongo,
    tail,
    logger: createLogger(config.logLevel),
    providers,
    ...(config.roles.has('worker') && { stepMetrics: createStepMetrics() }),
  };
}

/** @returns what resolves when the worker polls */
function openWorker(context: RoleContext, { workers, senders }: Opened): Promise<void> {
  const worker = startMainWorker({ ...context, workflowBundle: WORKFLOW_BUNDLE });
  workers.push(() => worker.stop());
  const tracking = startTracking(context);
  senders.push(() => tracking.stop());
  return worker.ready;
}

/** @returns what resolves when the worker polls, and the reconciliation is scheduled */
function openFeed(context: RoleContext, { workers }: Opened): Promise<void> {
  const feed = startFeed(context);
  workers.push(() => feed.stop());
  return feed.ready;
}

async function openKafka(context: RoleContext, { senders }: Opened): Promise<void> {
  const { kafka } = context.config;
  if (kafka === undefined) return;
  // Kafka's client is loaded only by this role.
  const { startKafka } = await import('./roles/kafka.js');
  const running = startKafka(context, kafka);
  senders.push(() => running.stop());
}

async function serveApi(
  context: RoleContext,
  stopping: AbortSignal,
  { senders, connections }: Opened,
): Promise<Addresses> {
  // Loaded while the workers start in their own threads.
  const { startApi } = await import('./roles/api.js');
  // A separate connection pool, so that queries do not wait for the workers' writes.
  const mongo = connectMongo(context.config);
  connections.push(() => mongo.close());
  holdUntilForgottenKeysAreDestroyed(mongo, stopping);
  const api = await startApi({ ...context, mongo, page: PAGE_FOLDER });
  senders.push(() => api.stop());
  return { api: api.address, ...(api.opsAddress !== undefined && { operations: api.opsAddress }) };
}

/** Serves the metrics and the health of a process without an API, if it has a port for them. */
async function serveOperations(context: RoleContext, { senders }: Opened): Promise<Addresses> {
  const { opsPort } = context.config.http;
  if (opsPort === undefined) return {};
  // Most of what it needs is loaded by no other role without an API.
  const { startOperations } = await import('./roles/operations.js');
  const operations = await startOperations(context, opsPort);
  senders.push(() => operations.stop());
  return { operations: operations.address };
}

/**
 * Waits until all of the work is done, or `SERVER_WAIT_MS` have passed. The work continues in any
 * case.
 *
 * @throws AbortError if `stopping` has aborted
 */
export async function getReady(needed: readonly Promise<void>[], stopping: AbortSignal): Promise<void> {
  await stage('Getting ready', async (note) => {
    const isReady = await isDoneSoon(needed, stopping);
    stopping.throwIfAborted();
    if (!isReady) note('a server does not answer; continuing without it');
  });
}

async function isDoneSoon(work: readonly Promise<void>[], stopping: AbortSignal): Promise<boolean> {
  return Promise.race([
    Promise.all(work).then(() => true),
    setTimeout(SERVER_WAIT_MS, false, { signal: stopping, ref: false }).catch(() => false),
  ]);
}
