import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ensureSandboxIndexes } from '../src/activities/sandbox-payments.js';
import { ensureJournalIndexes } from '../src/event-log/journal.js';
import { findProgram, MONGOD, TEMPORAL } from '../src/platform/binaries.js';
import { type Config, readConfig } from '../src/platform/config.js';
import { connectMongo, connectTemporal } from '../src/platform/connections.js';
import { assertPortFree } from '../src/platform/embedded/ports.js';
import { type Servers, startServers } from '../src/platform/embedded/servers.js';
import { createLogger } from '../src/platform/logger.js';
import { messageOf } from '../src/platform/message-of.js';
import { SEARCH_ATTRIBUTES, setUp } from '../src/platform/set-up.js';
import { ensureOrderIndexes } from '../src/projections/orders.js';
import { ensureParkedEventIndexes } from '../src/projections/feeding/parked-events.js';
import { startApi } from './api.js';
import { startFeed } from './feed.js';
import { stage } from './progress.mjs';
import type { RoleContext } from './role.js';
import { closeAll, type Closer, stopSignal } from './stop.js';
import { installRuntime, startOrderWorker } from './worker.js';

const CACHE_DIR = fileURLToPath(new URL('../../.cache', import.meta.url));
const WORKFLOW_BUNDLE = { codePath: fileURLToPath(new URL('../workflow-bundle.js', import.meta.url)) };
const INDEXES = [ensureJournalIndexes, ensureOrderIndexes, ensureParkedEventIndexes, ensureSandboxIndexes];
/** How long a server that is not ours is waited for before everything else goes on without it. */
const PATIENCE_MS = 10_000;

const began = Date.now();
const stopping = stopSignal();
const closers: Closer[] = [];
let problem: string | undefined;
try {
  const addresses = await start(readConfig(process.env));
  process.stdout.write(welcome(addresses));
  if (!stopping.aborted) await once(stopping, 'abort');
} catch (error) {
  if (!stopping.aborted) problem = messageOf(error);
}
if (closers.length > 0) await stage('Stopping', () => closeAll(closers));
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
process.exit();

interface Addresses {
  readonly api?: string;
  readonly temporalUi?: string;
}

/** Starts everything, each thing after what it needs. What is started is closed in reverse. */
async function start(asked: Config): Promise<Addresses> {
  const { http, roles } = asked;
  const servesHttp = roles.has('write') || roles.has('read');
  if (servesHttp) await assertPortFree(http.host, http.port, 'HTTP_PORT');

  const servers = await embed(asked);
  const config: Config = {
    ...asked,
    temporal: { ...asked.temporal, address: servers.temporal?.address ?? asked.temporal.address },
    mongodb: { ...asked.mongodb, uri: servers.mongodb?.uri ?? asked.mongodb.uri },
  };
  const logger = createLogger(config.logLevel);
  installRuntime(logger);
  const temporal = connectTemporal(config);
  closers.push({ limitMs: 500, close: () => temporal.close() });
  const mongo = connectMongo(config);
  closers.push({ limitMs: 500, close: () => mongo.close() });
  const context: RoleContext = { config, temporal, mongo, logger };

  const needed = [setUp({ ...context, indexes: INDEXES, abort: stopping })];
  const startRole = { worker: startOrderWorker, feed: startFeed } as const;
  for (const role of ['worker', 'feed'] as const) {
    if (!roles.has(role)) continue;
    const running = startRole[role]({ ...context, workflowBundle: WORKFLOW_BUNDLE });
    closers.push({ limitMs: 3_500, close: () => running.stop() });
    needed.push(running.ready);
  }
  let address: string | undefined;
  if (servesHttp) {
    await stage('Starting the API', async () => {
      const api = await startApi(context);
      closers.push({ limitMs: 2_500, close: () => api.stop() });
      address = api.address;
    });
  }
  await stage('Getting ready', async (note) => {
    if (!(await isDoneSoon(needed))) note('a server does not answer; all that can goes on without it');
  });
  return {
    ...(address !== undefined && { api: address }),
    ...(servers.temporal && {
      temporalUi: `${servers.temporal.uiUrl}/namespaces/${config.temporal.namespace}/workflows`,
    }),
  };
}

/** Starts, or joins, the servers that no address was given for. */
async function embed({ embedded, temporal: { namespace } }: Config): Promise<Servers> {
  if (!embedded.temporal && !embedded.mongodb) return { stop: async () => undefined };
  const [temporal, mongod] = await stage('Looking for Temporal and MongoDB', (note) =>
    Promise.all([
      embedded.temporal && findProgram(TEMPORAL, CACHE_DIR, note, stopping),
      embedded.mongodb && findProgram(MONGOD, CACHE_DIR, note, stopping),
    ]),
  );
  const servers = await stage('Starting Temporal and MongoDB', () =>
    startServers({
      dataDir: embedded.dataDir,
      ...(embedded.temporal &&
        temporal !== undefined && {
          temporal: {
            ...embedded.temporal,
            binary: temporal,
            namespace,
            searchAttributes: SEARCH_ATTRIBUTES,
          },
        }),
      ...(embedded.mongodb && mongod !== undefined && { mongodb: { ...embedded.mongodb, binary: mongod } }),
      report: (line) => process.stdout.write(`${line}\n`),
      abort: stopping,
    }),
  );
  closers.push({ close: () => servers.stop() });
  return servers;
}

/** Whether all of it is done before patience ends. It goes on in any case. */
async function isDoneSoon(work: readonly Promise<void>[]): Promise<boolean> {
  return Promise.race([
    Promise.all(work).then(() => true),
    setTimeout(PATIENCE_MS, false, { signal: stopping, ref: false }).catch(() => false),
  ]);
}

function welcome({ api, temporalUi }: Addresses): string {
  const lines = [
    `Ready in ${((Date.now() - began) / 1_000).toFixed(1)} s. Ctrl-C stops everything; the data stays.`,
    '',
  ];
  if (api !== undefined) lines.push(`  API              ${api}`, `  Reference        ${api}/docs`);
  if (temporalUi !== undefined) lines.push(`  Temporal Web UI  ${temporalUi}`);
  if (api !== undefined)
    lines.push('', 'Create an order:', '', `  ${curl(api)}`, '', '  npx orders --help', '');
  return `\n${lines.join('\n')}\n`;
}

function curl(api: string): string {
  const order = {
    customer: { id: 'c-1', name: 'Ada Example' },
    currency: 'EUR',
    lines: [{ sku: 'A-1', quantity: 2, unitPrice: 1999 }],
    payment: { method: 'tok_ok' },
  };
  return `curl -s ${api}/v1/orders -H 'content-type: application/json' -d '${JSON.stringify(order)}'`;
}
