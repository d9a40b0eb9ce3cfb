import { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { createEndpointGateway } from '../src/api/commands/endpoint-gateway.js';
import type { GatewayOptions } from '../src/api/commands/gateway.js';
import { gatewayOf } from './gateway.js';
import { createMarkUpdates } from '../src/effects/inventory/recognize-database.js';
import { concernOfStock, stockState } from '../src/effects/inventory/stock-state.js';
import { registerCommands } from '../src/api/commands/routes.js';
import { commandsConcern } from '../src/api/commands/kafka/taking-rows.js';
import { kafkaConcern } from '../src/delivery/kafka/concern.js';
import { topicsOf } from '../src/delivery/kafka/settings.js';
import { createSender } from '../src/delivery/sender.js';
import { forks } from '../src/log/journal/fork.js';
import { concernOf, latestReconciliations } from '../src/log/proof/reconciliations.js';
import { requestForgetting } from '../src/forgetting/request.js';
import { resume } from '../src/log/resume/resume.js';
import { type Bounds, createAdmission, defaultBounds } from '../src/api/admission.js';
import { admissionMetrics } from '../src/api/admit.js';
import type { Edge } from '../src/api/edge/edge.js';
import { listenForOperations } from '../src/api/edge/ports.js';
import { registerDocs } from '../src/api/docs.js';
import { redirectToReference } from '../src/api/reference.js';
import type { Config } from '../src/server/config.js';
import { type Dependency, registerHealth, type ServedRole } from '../src/api/health.js';
import { registerKeys } from '../src/api/keys-routes.js';
import { registerMetrics } from '../src/api/metrics.js';
import { registerSystem } from '../src/api/system-route.js';
import { registerSession } from '../src/api/session.js';
import { createHttp, type Http, type HttpLimits } from '../src/api/server.js';
import { isTemporalOutage } from '../src/outages/temporal-outage.js';
import { createWorkerPresence } from '../src/server/worker-presence.js';
import { openOrderViews } from '../src/views/cache/order-views.js';
import { lagBeyond, projectionsStatus } from '../src/log/views/status.js';
import { exposureConcern, type ExposureDeps, undecidedOrders } from '../src/api/queries/exposure.js';
import { exposureGauges, orderGauges } from '../src/api/queries/order-gauges.js';
import { projectionGauges } from '../src/api/queries/projection-gauges.js';
import { openPersons } from '../src/api/persons.js';
import { registerQueries } from '../src/api/queries/routes.js';
import { scheduleConcern, unheldTaskConcern } from '../src/upkeep/concern.js';
import { feedTaskQueue } from '../src/log/workflow/task-queues.js';
import { registerPage } from '../src/api/page/page.js';
import { createOrderReader } from '../src/api/queries/order-reader.js';
import type { RoleContext, RunningRole } from './role.js';
import { orderLog } from '../src/order-log.js';
import { type Authenticate, createAuthenticate } from '../src/access/authenticate.js';
import { openKnownKeys } from '../src/access/known-keys.js';
import { views as viewsOfOrders } from '../src/views/views.js';
import { logs } from '../src/logs.js';

export interface RunningApi extends RunningRole {
  /** `http://host:port` */
  readonly address: string;
  /** of operations, if they have a port of their own */
  readonly opsAddress?: string;
}

export interface ApiContext extends RoleContext {
  /** folder of the page that browsers get */
  readonly page: string;
}

/**
 * Serves the roles that have an HTTP API. Temporal and MongoDB may be away at any time, also at the
 * start.
 */
export async function startApi(context: ApiContext): Promise<RunningApi> {
  const app = await buildApi(context);
  const { host, port, opsPort } = context.config.http;
  const address = await app.listen({ host, port });
  if (opsPort === undefined) return { address, stop: () => app.close() };
  const operations = await listenForOperations(app, { host, port: opsPort });
  return {
    address,
    opsAddress: operations.address,
    async stop() {
      await Promise.all([app.close(), operations.close()]);
    },
  };
}

/** Limits that tests may change. */
export interface ApiLimits
  extends
    Omit<HttpLimits, 'admission' | 'authenticate' | 'edge' | 'isSplit'>,
    Pick<GatewayOptions, 'answerWithinMs' | 'journalWithinMs'> {
  readonly bounds?: Partial<Bounds>;
  /** see `Forgetting` */
  readonly keyInUseMs?: number;
  /** see `createAdmission` */
  readonly isBehind?: () => boolean;
  /** see `openOrderViews` */
  readonly liveForMs?: number | undefined;
}

/** The application without a listening server: the write side, the read side, or both. */
export async function buildApi(
  { config, temporal: connection, mongo, tail, tally, logger, page, providers = {} }: ApiContext,
  {
    bounds,
    keyInUseMs = KEY_IN_USE_MS,
    isBehind,
    liveForMs,
    answerWithinMs,
    journalWithinMs,
    ...limits
  }: ApiLimits = {},
): Promise<Http> {
  const { roles, secrets } = config;
  const { namespace, taskQueue } = config.temporal;
  const client = new Client({ connection, namespace });
  const { db, keys, webhookSecrets } = mongo;

  const stream = { ...defaultBounds.stream, most: config.http.maxStreams };
  const admission = createAdmission({ ...defaultBounds, stream, ...bounds }, isBehind);
  const authenticate = await authenticateBy(config, db);
  const app = await createHttp(logger, {
    ...limits,
    admission,
    edge: edgeOf(config),
    isSplit: config.http.opsPort !== undefined,
    ...(authenticate && { authenticate }),
  });
  const persons = openPersons(app, keys);
  const views = openOrderViews(db, liveForMs);
  app.addHook('onClose', () => views.close());
  await registerDocs(app, config.http.opsPort !== undefined);
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
    keys.keepSpares();
    const gateway = gatewayOf({ client, config, mongo, logger }, { answerWithinMs, journalWithinMs });
    const { continueAsNewAfter } = config;
    const resuming = {
      client,
      db,
      taskQueue,
      ...(continueAsNewAfter !== undefined && { continueAsNewAfter }),
    };
    const sender = createSender({ allowPrivate: config.webhooksAllowPrivate });
    app.addHook('onClose', () => sender.close());
    registerCommands(app, {
      gateway,
      resume: (orderId, asked) =>
        resume(orderLog, resuming, orderId, asked, { answerWithinMs: RESUMED_WITHIN_MS }),
      forgetPerson: (asked) => requestForgetting({ client, db, taskQueue }, { ...asked, keyInUseMs }),
      db,
      noteCounts: createMarkUpdates({ client, db, taskQueue }),
      views,
      endpoints: {
        gateway: createEndpointGateway({ client, taskQueue, answerWithinMs }),
        secrets: webhookSecrets,
        sender,
        allowHttp: config.webhooksAllowPrivate,
      },
      secrets: { payments: secrets.paymentsWebhook, carriers: secrets.carriersWebhook },
    });
  }
  if (roles.has('read')) {
    served.push({ name: 'read', needsAnyOf: ['mongodb', 'temporal'] });
    const reader = createOrderReader(client, views);
    registerQueries(app, {
      client,
      db,
      tail,
      views,
      reader,
      persons,
      feedTaskQueue: feedTaskQueue(taskQueue),
      orderTaskQueue: taskQueue,
      providers,
      attentionAfterMs: config.attentionAfterMs,
      cursorSecrets: secrets.cursor,
      kafkaTopic: config.kafka && topicsOf(config.kafka).events,
      uiUrl: config.temporal.uiUrl,
    });
    await registerPage(app, page, { reader, persons });
  } else redirectToReference(app);
  registerSystem(app, config, connection, keys);
  registerKeys(app, db);
  registerSession(app);
  registerHealth(app, served, dependencies({ client, config, db, exposure }));
  await app.ready();
  return app;
}

/** `HTTP_HOST` is a name of the API if it is no address. */
function edgeOf({ http, edge }: Config): Edge {
  return { ...edge, hosts: [http.host.toLowerCase(), ...edge.hosts] };
}

/**
 * A key is used for a second without asking the store, and a start is waited for for ten seconds.
 * See `Forgetting`.
 */
const KEY_IN_USE_MS = 15_000;

/** Undefined with AUTH=off. */
async function authenticateBy({ auth }: Config, db: Db): Promise<Authenticate | undefined> {
  if (!auth.isOn) return undefined;
  const keys = openKnownKeys(db);
  if (auth.tokens === undefined) return createAuthenticate(keys);
  const { openTokens } = await import('../src/access/tokens.js');
  return createAuthenticate(keys, openTokens(auth.tokens));
}

/** How long the new run of a resumed order is waited for. */
const RESUMED_WITHIN_MS = 3_000;
const CHECK_WITHIN_MS = 1_000;
const LAG_LIMIT_MS = 30_000;
/** Age of unrecorded events from which readiness reports them. */
const EXPOSURE_LIMIT_MS = 10_000;

interface DependencyDeps {
  readonly client: Client;
  readonly config: Config;
  readonly db: Db;
  readonly exposure: ExposureDeps;
}

function dependencies({ client, config, db, exposure }: DependencyDeps): Dependency[] {
  const { connection } = client;
  const { namespace, taskQueue } = config.temporal;
  const soon = <R>(call: () => Promise<R>) => connection.withDeadline(Date.now() + CHECK_WITHIN_MS, call);
  const presence = createWorkerPresence(connection, namespace, soon);
  const deployment = { client, taskQueue: feedTaskQueue(taskQueue), orderTaskQueue: taskQueue };
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
      cost: 'orders are accepted, but stored in Temporal only and not processed; there are no lists, and single orders are read from their workflow',
      check: async () => {
        await db.command({ ping: 1 });
        return undefined;
      },
    },
    {
      name: 'workers',
      cost: 'orders are accepted but not processed; other commands get no answer, and views are not updated',
      checkedThrough: 'temporal',
      check: async () => {
        const missing = await presence.missing(taskQueue);
        if (missing !== undefined) throw new Error(missing);
        return undefined;
      },
    },
    {
      name: 'recording',
      cost: 'events that are acknowledged but not recorded are in Temporal only, and would be lost with it',
      checkedThrough: 'temporal',
      check: () => exposureConcern(exposure, EXPOSURE_LIMIT_MS),
    },
    {
      name: 'feed',
      cost: 'the feed, the views across orders or webhooks lag; orders themselves do not',
      checkedThrough: 'mongodb',
      check: async () => {
        const [lag, ...others] = await Promise.all([
          Promise.all(logs.map((log) => projectionsStatus(log, db, log === orderLog ? viewsOfOrders : []))),
          unheldTaskConcern(db),
          presence.missing(deployment.taskQueue).catch(unknown),
        ]);
        const late = lag.map((status) => lagBeyond(status, LAG_LIMIT_MS));
        const concerns = [...others, ...late].filter((concern) => concern !== undefined);
        return concerns.length === 0 ? undefined : concerns.join('; ');
      },
    },
    ...(config.kafka === undefined ? [] : [dependencyOnKafka(db, config.kafka)]),
    {
      name: 'forks',
      cost: 'these orders or endpoints are halted: their journal and their history differ',
      checkedThrough: 'mongodb',
      check: async () => {
        const found = await Promise.all(
          logs.map(async (log) => await forks(log, db).find({}, { limit: 10 }).toArray()),
        );
        const ids = found.flat().map(({ _id }) => _id);
        return ids.length === 0 ? undefined : `forked: ${ids.join(', ')}`;
      },
    },
    {
      name: 'reconciliation',
      cost: 'some orders differ between Temporal and MongoDB; `npx orders reconcile` lists them',
      checkedThrough: 'mongodb',
      check: async () => {
        const [reports, schedule] = await Promise.all([
          Promise.all(logs.map((log) => latestReconciliations(log, db, 1))),
          soon(() => scheduleConcern(deployment)),
        ]);
        const concerns = [...reports.map(([latest]) => concernOf(latest, config.reconcileEveryMs)), schedule];
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

function dependencyOnKafka(db: Db, settings: NonNullable<Config['kafka']>): Dependency {
  return {
    name: 'kafka',
    cost: 'events do not reach Kafka, and no command comes from there; the rest goes on',
    checkedThrough: 'mongodb',
    check: async () =>
      (await kafkaConcern(db, settings)) ?? (await commandsConcern(db, topicsOf(settings).commands)),
  };
}

/** If Temporal is away, the dependency `temporal` reports it. */
function unknown(error: unknown): undefined {
  if (!isTemporalOutage(error)) throw error;
}
