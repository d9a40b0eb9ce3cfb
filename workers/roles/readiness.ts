import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Concern, Dependency } from '../../src/api/operations/routes-health.js';
import { exposureConcern, type ExposureDeps } from '../../src/api/queries/gauges/exposure.js';
import { commandsConcern } from '../../src/kafka/commands-status.js';
import { kafkaConcern } from '../../src/delivery/kafka/publishing-progress.js';
import { topicsOf } from '../../src/kafka/settings.js';
import { concernOfStock, stockState } from '../../src/effects/inventory/stock-state.js';
import { forks } from '../../src/log/journal/fork.js';
import { concernOf, latestReconciliations } from '../../src/log/proof/reconciliation-reports.js';
import { lagBeyond, viewsStatus } from '../../src/log/views/status.js';
import { feedTaskQueue } from '../../src/log/workflow/system-workflow-names.js';
import { logs } from '../../src/entity-logs.js';
import { orderLog } from '../../src/order-log.js';
import { isTemporalOutage } from '../../src/outages/temporal-outage.js';
import type { Config } from '../../src/server/config.js';
import { createWorkerPresence, type WorkerPresence } from '../../src/server/health/worker-presence.js';
import { views as viewsOfOrders } from '../../src/views/views.js';
import { scheduleConcern, unheldTaskConcern } from './feed-concerns.js';

const CHECK_WITHIN_MS = 1_000;
const MAX_LAG_MS = 30_000;
/** The age from which readiness reports unrecorded events. */
const MAX_UNRECORDED_MS = 10_000;

export interface ReadinessDeps {
  readonly client: Client;
  readonly config: Config;
  readonly db: Db;
  readonly exposure: ExposureDeps;
}

const noWorker = { code: 'no_worker' } as const;

/** Calls Temporal, and fails if it does not answer in a second. */
type InTime = <R>(call: () => Promise<R>) => Promise<R>;

/** The dependencies that readiness checks, each with what does not work while it fails. */
export function dependencies({ client, config, db, exposure }: ReadinessDeps): Dependency[] {
  const { connection } = client;
  const { namespace, taskQueue } = config.temporal;
  const inTime: InTime = (call) => connection.withDeadline(Date.now() + CHECK_WITHIN_MS, call);
  const presence = createWorkerPresence(connection, namespace, inTime);
  return [
    temporalDependency(client, inTime),
    mongodbDependency(db),
    workersDependency(presence, taskQueue),
    recordingDependency(exposure),
    feedDependency(db, presence, feedTaskQueue(taskQueue)),
    ...(config.kafka === undefined ? [] : [kafkaDependency(db, config.kafka)]),
    forksDependency(db),
    reconciliationDependency({ client, config, db }, inTime),
    stockDependency(db),
  ];
}

function temporalDependency({ connection }: Client, inTime: InTime): Dependency {
  return {
    name: 'temporal',
    cost: 'no command is taken, no order continues, and an order without a view cannot be read',
    check: async () => {
      await inTime(() => connection.workflowService.getSystemInfo({}));
      return undefined;
    },
  };
}

function mongodbDependency(db: Db): Dependency {
  return {
    name: 'mongodb',
    cost: 'orders are accepted, but stored in Temporal only and not processed; there are no lists, and single orders are read from their workflow',
    check: async () => {
      await db.command({ ping: 1 });
      return undefined;
    },
  };
}

function workersDependency(presence: WorkerPresence, taskQueue: string): Dependency {
  return {
    name: 'workers',
    cost: 'orders are accepted but not processed; other commands get no answer, and views are not updated',
    checkedThrough: 'temporal',
    check: async () => {
      const detail = await presence.missing(taskQueue);
      return detail === undefined ? undefined : { status: 'down', ...noWorker, detail };
    },
  };
}

function recordingDependency(exposure: ExposureDeps): Dependency {
  return {
    name: 'recording',
    cost: 'events that are acknowledged but not recorded are in Temporal only, and would be lost with it',
    checkedThrough: 'temporal',
    check: async () => degraded(await exposureConcern(exposure, MAX_UNRECORDED_MS)),
  };
}

function feedDependency(db: Db, presence: WorkerPresence, taskQueue: string): Dependency {
  return {
    name: 'feed',
    cost: 'the feed, the feed views or webhooks lag; orders themselves do not',
    checkedThrough: 'mongodb',
    check: async () => {
      const [lag, unheldTask, missing] = await Promise.all([
        Promise.all(logs.map((log) => viewsStatus(log, db, log === orderLog ? viewsOfOrders : []))),
        unheldTaskConcern(db),
        presence.missing(taskQueue).catch(ignoreTemporalOutage),
      ]);
      const late = lag.map((status) => lagBeyond(status, MAX_LAG_MS));
      const found = degraded(unheldTask, missing, ...late);
      return found && { ...found, ...(missing !== undefined && noWorker) };
    },
  };
}

/** Ignores an outage of Temporal, because the dependency `temporal` reports it. */
function ignoreTemporalOutage(error: unknown): undefined {
  if (!isTemporalOutage(error)) throw error;
}

function kafkaDependency(db: Db, settings: NonNullable<Config['kafka']>): Dependency {
  return {
    name: 'kafka',
    cost: 'events do not reach Kafka, and no command comes from there; the rest continues',
    checkedThrough: 'mongodb',
    check: async () =>
      degraded(
        (await kafkaConcern(db, settings)) ?? (await commandsConcern(db, topicsOf(settings).commands)),
      ),
  };
}

function forksDependency(db: Db): Dependency {
  return {
    name: 'forks',
    cost: 'these orders or endpoints are halted: their journal and their history differ',
    checkedThrough: 'mongodb',
    check: async () => {
      const found = await Promise.all(
        logs.map(async (log) => await forks(log, db).find({}, { limit: 10 }).toArray()),
      );
      const ids = found.flat().map(({ _id }) => _id);
      return degraded(ids.length === 0 ? undefined : `forked: ${ids.join(', ')}`);
    },
  };
}

function reconciliationDependency(
  { client, config, db }: Pick<ReadinessDeps, 'client' | 'config' | 'db'>,
  inTime: InTime,
): Dependency {
  const { taskQueue } = config.temporal;
  const deployment = { client, taskQueue };
  return {
    name: 'reconciliation',
    cost: 'some orders differ between Temporal and MongoDB; `npx orders reconcile` lists them',
    checkedThrough: 'mongodb',
    check: async () => {
      const [reports, schedule] = await Promise.all([
        Promise.all(logs.map((log) => latestReconciliations(log, db, 1))),
        inTime(() => scheduleConcern(deployment)),
      ]);
      return degraded(...reports.map(([latest]) => concernOf(latest, config.reconcileEveryMs)), schedule);
    },
  };
}

function stockDependency(db: Db): Dependency {
  return {
    name: 'stock',
    cost: 'orders wait for their reservations, and stock cannot be counted',
    checkedThrough: 'mongodb',
    check: async () => degraded(concernOfStock(await stockState(db))),
  };
}

/** What is wrong with a dependency that works in part; undefined if no detail is given. */
function degraded(...details: readonly (string | undefined)[]): Concern | undefined {
  const given = details.filter((detail) => detail !== undefined);
  return given.length === 0 ? undefined : { status: 'degraded', detail: given.join('; ') };
}
