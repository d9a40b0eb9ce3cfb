import { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { createGateway, gatewaySettings } from '../src/api/commands/gateway.js';
import { createCountNotes } from '../src/effects/inventory/recognize-database.js';
import { concernOfStock, stockState } from '../src/effects/inventory/stock-state.js';
import { registerCommands } from '../src/api/commands/routes.js';
import { recallCommands } from '../src/log/journal/command-memory.js';
import { forks } from '../src/log/journal/fork.js';
import { readJournal } from '../src/log/journal/journal.js';
import { concernOf, latestReconciliations } from '../src/log/proof/reconciliations.js';
import { resume } from '../src/log/journal/resume.js';
import { type Bounds, createAdmission, defaultBounds } from '../src/api/admission.js';
import { admissionMetrics } from '../src/api/admit.js';
import { registerDocs } from '../src/api/docs.js';
import type { Config } from '../src/server/config.js';
import { type Dependency, registerHealth, type ServedRole } from '../src/api/health.js';
import { registerMetrics } from '../src/api/metrics.js';
import { registerSystem } from '../src/api/system-route.js';
import { createHttp, type Http, type HttpLimits } from '../src/api/server.js';
import { isTemporalOutage } from '../src/outages/temporal-outage.js';
import { createWorkerPresence } from '../src/server/worker-presence.js';
import { openOrderViews } from '../src/views/cache/order-views.js';
import { hasRoomForFactsInView } from '../src/views/orders.js';
import { lagBeyond, projectionsStatus } from '../src/log/views/feeding/status.js';
import { exposureConcern, type ExposureDeps, undecidedOrders } from '../src/api/queries/exposure.js';
import { exposureGauges, orderGauges } from '../src/api/queries/order-gauges.js';
import { projectionGauges } from '../src/api/queries/projection-gauges.js';
import { registerQueries } from '../src/api/queries/routes.js';
import { scheduleConcern, standingConcern } from '../src/upkeep/concern.js';
import { feedTaskQueue } from '../src/log/workflow/singleton-messages.js';
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

/** What a test may have smaller than it is. */
export interface ApiLimits extends Omit<HttpLimits, 'admission'> {
  readonly bounds?: Partial<Bounds>;
}

/** The application without a server: the write side, the read side, or both. */
export async function buildApi(
  { config, temporal: connection, mongo, tail, tally, logger }: RoleContext,
  { bounds, ...limits }: ApiLimits = {},
): Promise<Http> {
  const { roles, secrets } = config;
  const { namespace, taskQueue } = config.temporal;
  const client = new Client({ connection, namespace });
  const { db } = mongo;

  const stream = { ...defaultBounds.stream, most: config.http.maxStreams };
  const admission = createAdmission({ ...defaultBounds, stream, ...bounds });
  const app = createHttp(logger, { ...limits, admission });
  const views = openOrderViews(db);
  app.addHook('onClose', () => views.close());
  await registerDocs(app);
  const exposure: ExposureDeps = {
    db,
    tally,
    undecided: () => undecidedOrders(connection, namespace, taskQueue),
  };
  registerMetrics(app, [
    admissionMetrics(admission),
    exposureGauges(exposure),
    ...(roles.has('read') ? [orderGauges(db), projectionGauges(db)] : []),
  ]);
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
    const { continueAsNewAfter } = config;
    const resuming = {
      client,
      db,
      taskQueue,
      ...(continueAsNewAfter !== undefined && { continueAsNewAfter }),
    };
    registerCommands(app, {
      gateway,
      resume: (orderId, asked) => resume(resuming, orderId, asked, { answerWithinMs: RESUMED_WITHIN_MS }),
      db,
      noteCounts: createCountNotes({ client, db, taskQueue }),
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
      orderTaskQueue: taskQueue,
      attentionAfterMs: config.attentionAfterMs,
      cursorSecret: secrets.cursor,
    });
  }
  registerSystem(app, config, connection);
  registerHealth(app, served, dependencies({ client, config, db, exposure }));
  await app.ready();
  return app;
}

/** How long the run of a resumed order is waited for. */
const RESUMED_WITHIN_MS = 3_000;
const CHECK_WITHIN_MS = 1_000;
const LAG_LIMIT_MS = 30_000;
/** How long something may be acknowledged and not recorded before readiness tells it. */
const EXPOSURE_LIMIT_MS = 10_000;

interface Examined {
  readonly client: Client;
  readonly config: Config;
  readonly db: Db;
  readonly exposure: ExposureDeps;
}

function dependencies({ client, config, db, exposure }: Examined): Dependency[] {
  const { connection } = client;
  const { namespace, taskQueue } = config.temporal;
  const soon = <R>(call: () => Promise<R>) => connection.withDeadline(Date.now() + CHECK_WITHIN_MS, call);
  const presence = createWorkerPresence(connection, namespace, soon);
  const upkept = { client, taskQueue: feedTaskQueue(taskQueue), orderTaskQueue: taskQueue };
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
      cost: 'orders are accepted, in Temporal alone, and not processed; there are no lists, and an order is read from its workflow',
      check: async () => {
        await db.command({ ping: 1 });
        return undefined;
      },
    },
    {
      name: 'workers',
      cost: 'orders are accepted but not processed; other commands have no answer, and views stand still',
      knownBy: 'temporal',
      check: async () => {
        const missing = await presence.missing(taskQueue);
        if (missing !== undefined) throw new Error(missing);
        return undefined;
      },
    },
    {
      name: 'recording',
      cost: 'what was acknowledged and is not recorded is in Temporal alone: it would be lost with it',
      knownBy: 'temporal',
      check: () => exposureConcern(exposure, EXPOSURE_LIMIT_MS),
    },
    {
      name: 'feed',
      cost: 'the feed, or views across orders, are behind; orders themselves are not',
      knownBy: 'mongodb',
      check: async () => {
        const [lag, ...others] = await Promise.all([
          projectionsStatus(db).then((status) => lagBeyond(status, LAG_LIMIT_MS)),
          soon(() => standingConcern(upkept)),
          presence.missing(upkept.taskQueue).catch(unknown),
        ]);
        const concerns = [...others, lag].filter((concern) => concern !== undefined);
        return concerns.length === 0 ? undefined : concerns.join('; ');
      },
    },
    {
      name: 'forks',
      cost: 'these orders are halted: their journal and their history tell different stories',
      knownBy: 'mongodb',
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
      knownBy: 'mongodb',
      check: async () => {
        const [[latest], schedule] = await Promise.all([
          latestReconciliations(db, 1),
          soon(() => scheduleConcern(upkept)),
        ]);
        const concerns = [concernOf(latest, config.reconcileEveryMs), schedule];
        return concerns.filter((concern) => concern !== undefined).join('; ') || undefined;
      },
    },
    {
      name: 'stock',
      cost: 'orders wait for their reservations, and stock cannot be counted',
      check: async () => concernOfStock(await stockState(db)),
    },
  ];
}

/** While Temporal is away, its own dependency says so. */
function unknown(error: unknown): undefined {
  if (!isTemporalOutage(error)) throw error;
}
