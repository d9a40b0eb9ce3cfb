import { Client } from '@temporalio/client';
import { createPersonalDataAtEdge } from '../../src/api/access/personal-data.js';
import { registerKeys } from '../../src/api/access/routes-keys.js';
import { registerSession } from '../../src/api/access/routes-session.js';
import type { GatewayOptions } from '../../src/api/commands/gateway/gateway.js';
import { registerCommands, registerViewRepairs } from '../../src/api/commands/routes.js';
import { listenForOperations } from '../../src/api/edge/ports.js';
import type { Http } from '../../src/api/http.js';
import { registerHealth, type ServedRole } from '../../src/api/operations/routes-health.js';
import { registerMetrics } from '../../src/api/operations/routes-metrics.js';
import { registerSystem } from '../../src/api/operations/routes-system.js';
import {
  type Admission,
  type Bounds,
  createAdmission,
  DEFAULT_BOUNDS,
} from '../../src/api/overload/admission.js';
import { admissionMetrics } from '../../src/api/overload/admit.js';
import { registerPage } from '../../src/api/page/page.js';
import { exposureGauges, orderGauges } from '../../src/api/queries/gauges/order-gauges.js';
import { projectionGauges } from '../../src/api/queries/gauges/projection-gauges.js';
import { createOrderReader } from '../../src/api/queries/order-reader.js';
import { type QueryDeps, registerQueries, registerViewStates } from '../../src/api/queries/routes.js';
import { registerDocs } from '../../src/api/reference/docs.js';
import { redirectToReference } from '../../src/api/reference/scalar-page.js';
import type { HttpOptions } from '../../src/api/server.js';
import { createSender } from '../../src/delivery/webhooks/sender.js';
import { KEY_IN_USE_MS, requestForgetting } from '../../src/forgetting/request.js';
import { createMarkUpdates } from '../../src/identity/database-identity.js';
import { resume } from '../../src/log/resume/resume.js';
import { orderLog } from '../../src/order-log.js';
import type { Config } from '../../src/server/config.js';
import { openCachedOrders, type CachedOrders } from '../../src/views/cache/cached-orders.js';
import { createApp, exposureOf, hasOwnPortForOperations } from './app.js';
import { gatewayOf } from './gateway.js';
import { dependencies } from './readiness.js';
import type { RoleContext, RunningRole } from './role.js';

/** How long to wait for the new run of a resumed order. */
const RESUMED_WITHIN_MS = 3_000;

export interface RunningApi extends RunningRole {
  /** `http://host:port` */
  readonly address: string;
  /** the address of the operations API, if it has a separate port */
  readonly opsAddress?: string;
}

export interface ApiContext extends RoleContext {
  /** folder of the page that browsers get */
  readonly page: string;
}

/**
 * Serves the roles that have an HTTP API. Temporal and MongoDB may be unavailable at any time, also
 * at the start.
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

/** Limits that tests may override. */
export interface ApiLimits
  extends
    Omit<HttpOptions, 'admission' | 'authenticate' | 'edge' | 'isSplit'>,
    Pick<GatewayOptions, 'answerWithinMs' | 'journalWithinMs'> {
  readonly bounds?: Partial<Bounds>;
  /** see `Forgetting` */
  readonly keyInUseMs?: number;
  /** see `createAdmission` */
  readonly isLate?: () => boolean;
  /** see `openCachedOrders` */
  readonly liveForMs?: number | undefined;
}

/** The application without a listening server: the write side, the read side, or both. */
export async function buildApi(context: ApiContext, limits: ApiLimits = {}): Promise<Http> {
  const { config, temporal: connection, mongo, page } = context;
  const { roles, temporal } = config;
  const { db, keyStore } = mongo;
  const client = new Client({ connection, namespace: temporal.namespace });
  const admission = admissionOf(config, limits);
  const app = await createApp(context, { ...limits, admission });
  const personalData = createPersonalDataAtEdge(app, keyStore);
  const cachedOrders = openCachedOrders(db, limits.liveForMs);
  app.addHook('onClose', () => cachedOrders.close());
  const exposure = exposureOf(context);

  await registerDocs(app, hasOwnPortForOperations(config));
  registerMetrics(app, [
    admissionMetrics(admission),
    exposureGauges(exposure),
    ...(roles.has('read') ? [orderGauges(db), projectionGauges(db)] : []),
  ]);
  if (roles.has('write')) serveWrites(app, context, client, cachedOrders, limits);
  if (roles.has('read')) {
    const reader = createOrderReader(client, cachedOrders);
    serveReads(app, context, { client, cachedOrders, reader, personalData });
    await registerPage(app, page, { reader, personalData });
  } else redirectToReference(app);
  registerViewStates(app, db);
  registerViewRepairs(app, { client, db, taskQueue: temporal.taskQueue });
  registerSystem(app, config, connection, keyStore);
  registerKeys(app, db);
  registerSession(app);
  const served = servedRoles.filter(({ name }) => roles.has(name));
  registerHealth(app, served, dependencies({ client, config, db, exposure }));
  await app.ready();
  return app;
}

const servedRoles = [
  { name: 'write', needsAnyOf: ['temporal'] },
  { name: 'read', needsAnyOf: ['mongodb', 'temporal'] },
] as const satisfies readonly ServedRole[];

function admissionOf({ http }: Config, { bounds, isLate }: ApiLimits): Admission {
  const stream = { ...DEFAULT_BOUNDS.stream, most: http.maxStreams };
  return createAdmission({ ...DEFAULT_BOUNDS, stream, ...bounds }, isLate);
}

function serveWrites(
  app: Http,
  { config, mongo, logger }: ApiContext,
  client: Client,
  cachedOrders: CachedOrders,
  { keyInUseMs = KEY_IN_USE_MS, answerWithinMs, journalWithinMs }: ApiLimits,
): void {
  const { secrets, continueAsNewAfter } = config;
  const { taskQueue } = config.temporal;
  const { db, keyStore, webhookSecrets } = mongo;
  keyStore.keepSpares();
  const resuming = {
    client,
    db,
    taskQueue,
    ...(continueAsNewAfter !== undefined && { continueAsNewAfter }),
  };
  const sender = createSender({ allowPrivate: config.webhooksAllowPrivate });
  app.addHook('onClose', () => sender.close());
  registerCommands(app, {
    gateway: gatewayOf({ client, config, mongo, logger }, { answerWithinMs, journalWithinMs }),
    resume: (orderId, asked) =>
      resume(orderLog, resuming, orderId, asked, { answerWithinMs: RESUMED_WITHIN_MS }),
    startForgetting: (asked) => requestForgetting({ client, db, taskQueue }, { ...asked, keyInUseMs }),
    db,
    updateMark: createMarkUpdates({ client, db, taskQueue }),
    cachedOrders,
    endpoints: {
      databases: { client, db, taskQueue, answerWithinMs },
      secrets: webhookSecrets,
      sender,
      allowHttp: config.webhooksAllowPrivate,
    },
    secrets: { payments: secrets.paymentsWebhook, carriers: secrets.carriersWebhook },
  });
}

function serveReads(
  app: Http,
  { config, mongo, tail, providers = {} }: ApiContext,
  reading: Pick<QueryDeps, 'client' | 'cachedOrders' | 'reader' | 'personalData'>,
): void {
  const { taskQueue, uiUrl } = config.temporal;
  registerQueries(app, {
    ...reading,
    db: mongo.db,
    tail,
    taskQueue,
    providers,
    attentionAfterMs: config.attentionAfterMs,
    cursorSecrets: config.secrets.cursor,
    kafka: config.kafka,
    uiUrl,
  });
}
