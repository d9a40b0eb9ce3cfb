import { Client, type Connection } from '@temporalio/client';
import { requiredTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import type { Db } from 'mongodb';
import { createGateway, gatewaySettings } from '../src/commands/gateway.js';
import { registerCommands } from '../src/commands/routes.js';
import { recallCommands } from '../src/event-log/command-memory.js';
import { forks } from '../src/event-log/fork.js';
import { readJournal } from '../src/event-log/journal.js';
import { concernOf, latestReconciliations } from '../src/event-log/reconciliations.js';
import { registerDocs } from '../src/platform/http-docs.js';
import type { Config } from '../src/platform/config.js';
import { type Dependency, registerHealth, type ServedRole } from '../src/platform/http-health.js';
import { registerMetrics } from '../src/platform/http-metrics.js';
import { registerSystem } from '../src/platform/http-system.js';
import { createHttp, type Http } from '../src/platform/http.js';
import { openOrderViews } from '../src/projections/hot-orders/order-views.js';
import { hasRoomForFactsInView } from '../src/projections/orders.js';
import { lagBeyond, projectionsStatus } from '../src/projections/feeding/status.js';
import { projectionGauges } from '../src/queries/projection-gauges.js';
import { registerQueries } from '../src/queries/routes.js';
import { feedTaskQueue } from '../src/workflows/standing-messages.js';
import type { RoleContext, RunningRole } from './role.js';

export interface RunningApi extends RunningRole {
  /** `http://host:port` */
  readonly address: string;
}

/** Serves the roles of the context that speak HTTP. Temporal and MongoDB may be away, now and at any time. */
export async function startApi(context: RoleContext): Promise<RunningApi> {
  const app = await buildApi(context);
  const address = await app.listen(context.config.http);
  return { address, stop: () => app.close() };
}

/** The application without a server: the write side, the read side, or both. */
export async function buildApi({
  config,
  temporal: connection,
  mongo,
  tail,
  logger,
}: RoleContext): Promise<Http> {
  const { roles, secrets } = config;
  const { namespace, taskQueue } = config.temporal;
  const client = new Client({ connection, namespace });
  const { db } = mongo;

  const app = createHttp(logger);
  const views = openOrderViews(db);
  app.addHook('onClose', () => views.close());
  await registerDocs(app);
  registerMetrics(app, roles.has('read') ? [projectionGauges(db)] : []);
  const served: ServedRole[] = [];
  if (roles.has('write')) {
    served.push({ name: 'write', needsAnyOf: ['temporal'] });
    const gateway = createGateway({
      client,
      ...gatewaySettings(config),
      readJournal: (orderId, limit) => readJournal(db, orderId, limit === undefined ? {} : { limit }),
      recall: (orderId, commandIds, upTo) => recallCommands(db, orderId, commandIds, upTo),
      hasRoomForFacts: (orderId) => hasRoomForFactsInView(db, orderId),
      logger,
    });
    registerCommands(app, {
      gateway,
      db,
      views,
      secrets: { payments: secrets.paymentsWebhook, carriers: secrets.carriersWebhook },
    });
  }
  if (roles.has('read')) {
    served.push({ name: 'read', needsAnyOf: ['mongodb', 'temporal'] });
    registerQueries(app, {
      client,
      db,
      tail,
      views,
      feedTaskQueue: feedTaskQueue(taskQueue),
      cursorSecret: secrets.cursor,
    });
  }
  registerSystem(app, config, connection);
  registerHealth(app, served, dependencies(connection, config, db));
  await app.ready();
  return app;
}

const CHECK_WITHIN_MS = 1_000;
const LAG_LIMIT_MS = 30_000;
/** A worker polls again within a minute; Temporal lists one that is gone for five. */
const POLLS_WITHIN_MS = 75_000;

function dependencies(connection: Connection, config: Config, db: Db): Dependency[] {
  const { namespace, taskQueue } = config.temporal;
  const soon = <R>(call: () => Promise<R>) => connection.withDeadline(Date.now() + CHECK_WITHIN_MS, call);
  return [
    {
      name: 'temporal',
      cost: 'no command is taken, no order goes on, and an order without a view cannot be read',
      check: async () => {
        await soon(() => connection.workflowService.getSystemInfo({}));
        return undefined;
      },
    },
    {
      name: 'mongodb',
      cost: 'orders are accepted but not processed, and there are no lists; an order is read from its workflow',
      check: async () => {
        await db.command({ ping: 1 });
        return undefined;
      },
    },
    {
      name: 'workers',
      cost: 'orders are accepted but not processed; other commands have no answer, and views stand still',
      check: async () => {
        const { pollers } = await soon(() =>
          connection.workflowService.describeTaskQueue({
            namespace,
            taskQueue: { name: taskQueue },
            taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
          }),
        );
        const since = Date.now() - POLLS_WITHIN_MS;
        const isPolling = pollers.some((one) => requiredTsToMs(one.lastAccessTime, 'lastAccessTime') > since);
        if (!isPolling) throw new Error(`no worker polls the task queue ${taskQueue}`);
        return undefined;
      },
    },
    {
      name: 'feed',
      cost: 'the feed, or views across orders, are behind; orders themselves are not',
      check: async () => lagBeyond(await projectionsStatus(db), LAG_LIMIT_MS),
    },
    {
      name: 'forks',
      cost: 'these orders are halted: their journal and their history tell different stories',
      check: async () => {
        const found = await forks(db).find({}, { limit: 10 }).toArray();
        return found.length === 0
          ? undefined
          : `forked: ${found.map(({ _id: orderId }) => orderId).join(', ')}`;
      },
    },
    {
      name: 'reconciliation',
      cost: 'some orders are not the same in Temporal and in MongoDB; `npx orders reconcile` lists them',
      check: async () => {
        const [latest] = await latestReconciliations(db, 1);
        return concernOf(latest, config.reconcileEveryMs);
      },
    },
  ];
}
