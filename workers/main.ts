/** The process. No library is imported here: the servers start first, and the rest is loaded meanwhile. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findProgram, MONGOD, TEMPORAL } from '../src/platform/binaries.js';
import { type Config, readConfig } from '../src/platform/config.js';
import { assertPortFree } from '../src/platform/embedded/ports.js';
import { type Servers, startServers } from '../src/platform/embedded/servers.js';
import { messageOf } from '../src/platform/message-of.js';
import { SEARCH_ATTRIBUTES } from '../src/workflows/messages.js';
import { stage } from './progress.mjs';
import { closeAll, type Closer, stopSignal } from './stop.js';

const CACHE_DIR = fileURLToPath(new URL('../../.cache', import.meta.url));

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
  if (roles.has('write') || roles.has('read')) await assertPortFree(http.host, http.port, 'HTTP_PORT');

  const servers = await embed(asked);
  const config: Config = {
    ...asked,
    temporal: { ...asked.temporal, address: servers?.temporal?.address ?? asked.temporal.address },
    mongodb: { ...asked.mongodb, uri: servers?.mongodb?.uri ?? asked.mongodb.uri },
  };
  const [{ startRoles }] = await Promise.all([
    import('./roles.js'),
    servers && stage('Starting Temporal and MongoDB', () => servers.ready(stopping)),
  ]);
  stopping.throwIfAborted();
  const api = await startRoles({ config, stopping, closers });
  return {
    ...(api !== undefined && { api }),
    ...(servers?.temporal && {
      temporalUi: `${servers.temporal.uiUrl}/namespaces/${config.temporal.namespace}/workflows`,
    }),
  };
}

/** Starts, or joins, the servers that no address was given for. */
async function embed({ embedded, temporal: { namespace } }: Config): Promise<Servers | undefined> {
  if (!embedded.temporal && !embedded.mongodb) return undefined;
  const [temporal, mongod] = await stage('Looking for Temporal and MongoDB', (note) =>
    Promise.all([
      embedded.temporal && findProgram(TEMPORAL, CACHE_DIR, note, stopping),
      embedded.mongodb && findProgram(MONGOD, CACHE_DIR, note, stopping),
    ]),
  );
  const servers = await startServers({
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
  });
  closers.push({ close: () => servers.stop() });
  return servers;
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
