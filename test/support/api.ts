import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { expect } from '@jest/globals';
import { Client, type Connection } from '@temporalio/client';
import { pino } from 'pino';
import type { Http } from '../../src/api/http.js';
import { DEFAULT_BOUNDS, workKinds } from '../../src/api/overload/admission.js';
import { problems } from '../../src/api/reference/problems.js';
import { loadProviders } from '../../src/effects/provider-modules.js';
import { FeedTail } from '../../src/log/feed/tail.js';
import { ensureJournalIndexes } from '../../src/log/journal/journal.js';
import { readJournal } from '../../src/log/journal/read-journal.js';
import { ensureStateViewIndexes } from '../../src/log/entity-log/state-view.js';
import { workflowId, orderLog } from '../../src/order-log.js';
import { type Config, readConfig } from '../../src/server/config.js';
import { connectMongo, connectTemporal, type Mongo } from '../../src/server/connections.js';
import { format } from '../../src/server/logging/logger.js';
import { type ApiLimits, buildApi } from '../../workers/roles/api.js';
import { installRuntime, type RunningWorker, startMainWorker } from '../../workers/roles/worker.js';
import { dropDatabases, untilAnswering } from './database.js';
import { whenAtRest } from './headers.js';
import { assertNoPersons, personsIn, rememberPersons } from './persons.js';
import { shared, uniqueName, workflowBundle } from './servers.js';
import { setUpStock } from './stock.js';
import { until } from './until.js';
import { untilAtRest } from './workflow-run.js';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // Each test knows the shape of the answers that it checks.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * The API without an HTTP server. It uses the Temporal and MongoDB that all tests share, with a
 * database and a task queue of its own.
 */
export interface TestApi {
  readonly app: Http;
  readonly config: Config;
  readonly temporal: Connection;
  readonly client: Client;
  readonly mongo: Mongo;
  readonly tail: FeedTail;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  post(path: string, sent?: Sent): Promise<Reply>;
  put(path: string, sent?: Sent): Promise<Reply>;
  /** Sends `payload` unchanged, even if it is not JSON. */
  send(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH',
    path: string,
    payload?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Reply>;
  startWorker(): Promise<RunningWorker>;
  close(): Promise<void>;
}

/** Limits so wide that no request is refused, or given up, because the machine is busy. */
const patient: ApiLimits = {
  bounds: Object.fromEntries(
    workKinds
      .filter((kind) => kind !== 'stream')
      .map((kind) => [kind, { most: DEFAULT_BOUNDS[kind].most, waiting: 10_000, waitMs: 60_000 }]),
  ),
  isLate: () => false,
  answerWithinMs: 30_000,
  journalWithinMs: 10_000,
  liveForMs: 60_000,
};

/** An address where nothing listens. */
export const NOWHERE = '127.0.0.1:1';

/** Limits for `startTestApi`, with which it waits for servers and workers as the product does. */
export const productWaits: ApiLimits = {
  answerWithinMs: undefined,
  journalWithinMs: undefined,
  liveForMs: undefined,
};

/**
 * @param env further variables; they override the test's own database, task queue and servers
 * @param limits wide by default
 * @param log receives each line of the log; a line with a personal value that was sent fails the
 *   test
 */
export async function startTestApi(
  env: Readonly<Record<string, string>> = {},
  limits: ApiLimits = {},
  log?: (line: string) => void,
): Promise<TestApi> {
  const config = readConfig({
    LOG_LEVEL: 'silent',
    TEMPORAL_ADDRESS: shared.temporalAddress,
    TEMPORAL_TASK_QUEUE: uniqueName('api'),
    MONGODB_URI: shared.mongodbUri,
    MONGODB_DB: uniqueName('api'),
    ...env,
  });
  const withPersons: string[] = [];
  const write = (line: string): void => {
    if (personsIn(line).length > 0) withPersons.push(line);
    log?.(line);
  };
  const logger = pino({ ...format, level: 'trace' }, { write });
  const temporal = connectTemporal(config);
  const mongo = connectMongo(config);
  const tail = new FeedTail(orderLog, mongo.db);
  const page = join(process.cwd(), 'dist', 'web');
  const providers = await loadProviders(config);
  const context = { config, temporal, mongo, tail, logger, page, providers };
  const bounds = { ...patient.bounds, ...limits.bounds };
  const app = await buildApi(context, { ...patient, ...limits, bounds });
  if (env['MONGODB_URI'] === undefined) {
    await untilAnswering(mongo);
    await setUpStock(mongo.db);
  }
  const client = new Client({ connection: temporal, namespace: config.temporal.namespace });
  const workers: RunningWorker[] = [];
  return {
    ...requestsTo(app),
    app,
    config,
    temporal,
    client,
    mongo,
    tail,
    async startWorker() {
      const { db } = mongo;
      await untilAnswering(mongo);
      await Promise.all([
        ensureJournalIndexes(orderLog, db),
        ensureStateViewIndexes(orderLog, db),
        setUpStock(db),
      ]);
      if (!isRuntimeInstalled) installRuntime(logger);
      isRuntimeInstalled = true;
      const worker = startMainWorker({ ...context, workflowBundle });
      workers.push(worker);
      await worker.ready;
      return worker;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await app.close();
      await tail.stop();
      await dropDatabases(mongo.db).catch(() => undefined);
      await mongo.close();
      await temporal.close();
      assertNoPersons('the log', withPersons.join('\n'));
    },
  };
}

function requestsTo(app: Http): Pick<TestApi, 'send' | 'get' | 'post' | 'put'> {
  const send: TestApi['send'] = async (method, url, payload, headers = {}) => {
    const response = await app.inject({
      method,
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    });
    if (response.statusCode >= 400) assertNoPersons(`${method} ${url}`, response.body);
    const isJson = String(response.headers['content-type']).includes('json');
    // Every code that a test provokes must have a page.
    if (response.headers['content-type'] === 'application/problem+json')
      expect(problems).toHaveProperty([response.json<{ code: string }>().code]);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: isJson ? response.json() : response.body,
    };
  };
  const sendJson = async (method: 'POST' | 'PUT', path: string, { body, headers = {} }: Sent = {}) => {
    rememberPersons(body);
    return body === undefined
      ? await send(method, path, undefined, headers)
      : await send(method, path, JSON.stringify(body), { 'content-type': 'application/json', ...headers });
  };
  return {
    send,
    get: (path, headers) => send('GET', path, undefined, headers),
    post: (path, sent) => sendJson('POST', path, sent),
    put: (path, sent) => sendJson('PUT', path, sent),
  };
}

/** A process has one runtime of the SDK for all of its workers. */
let isRuntimeInstalled = false;

/** A valid body of a create; `more` overrides its fields. */
export function orderBody(more: Readonly<Record<string, unknown>> = {}) {
  return {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines: [{ sku: `A-${randomUUID().slice(0, 8)}`, quantity: 2, unitPrice: 1999 }],
    payment: { method: 'tok_ok' },
    ...more,
  };
}

/** Creates an order and waits until it is at rest. */
export async function placedOrder(
  api: TestApi,
  more: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const sent = { body: orderBody(more), headers: { ...whenAtRest, ...headers } };
  const reply = await api.post('/v1/orders', sent);
  expect(reply.status).toBe(201);
  return String(reply.body.orderId);
}

/**
 * Terminates an order's workflow once its history says that all steps are done. If it were
 * terminated earlier, a step might have recorded events whose completion is not in the history.
 */
export async function terminateWhenRecorded(
  { client }: Pick<TestApi, 'client'>,
  orderId: string,
): Promise<void> {
  const id = workflowId(orderId);
  await untilAtRest(client, id);
  await client.workflow.getHandle(id).terminate();
}

/** The first event of this type in an order's journal, once it is recorded. */
export async function recordedEvent({ mongo }: Pick<TestApi, 'mongo'>, orderId: string, type: string) {
  return await until(async () => {
    const event = (await readJournal(orderLog, mongo.db, orderId)).find((one) => one.type === type);
    if (event === undefined) throw new Error(`The journal of ${orderId} has no ${type}.`);
    return event;
  });
}
