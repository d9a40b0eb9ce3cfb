/*
 * The main module of a process. It imports no packages: the servers start first, and packages load
 * meanwhile.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { loadProviders, type Providers } from '../src/effects/provider-modules.js';
import { messageOf } from '../src/outages/message-of.js';
import { assertSandboxAllowed, type Config, readConfig } from '../src/server/config.js';
import { addressOf } from '../src/server/config/addresses.js';
import { findProgram, MONGOD, TEMPORAL } from '../src/server/embedded/binaries.js';
import { assertPortFree } from '../src/server/embedded/ports.js';
import { type Servers, startServers } from '../src/server/embedded/servers.js';
import { startLiveness } from '../src/server/health/liveness.js';
import { assertMasterKeys } from '../src/server/keys/master-key-file.js';
import { SEARCH_ATTRIBUTES } from '../src/server/search-attributes.js';
import { exit, ignoreLostOutput } from '../src/bootstrap/lost-output.mjs';
import { stage } from '../src/bootstrap/progress.mjs';
import { checkArguments } from './start/arguments.mjs';
import { HELP } from './start/help.mjs';
import { type Close, closeInReverse, stopSignal } from './stop.js';
import { type Started, welcome } from './welcome.js';

const CACHE_DIR = fileURLToPath(new URL('../../.cache', import.meta.url));

// `npm start` has done both already. The image starts this module directly.
ignoreLostOutput();
checkArguments('npm start', HELP);
const stopping = stopSignal();
/** What has to be closed, in the order in which it was started. */
const closes: Close[] = [];
let problem: string | undefined;
try {
  const config = readConfig(process.env);
  assertSandboxAllowed(config);
  assertMasterKeys(config);
  const providers = needsProviders(config) ? await loadProviders(config) : {};
  process.stdout.write(welcome(await start(config, providers), config.roles, performance.now()));
  if (!stopping.aborted) await once(stopping, 'abort');
} catch (error) {
  if (!stopping.aborted) problem = messageOf(error);
}
if (closes.length > 0) await stage('Stopping', () => closeInReverse(closes));
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`);
  process.exitCode = 1;
}
exit();

/**
 * Whether a role needs the providers. A worker calls them, and the role `read` asks them for
 * proofs.
 */
function needsProviders({ roles }: Config): boolean {
  return roles.has('worker') || roles.has('read');
}

/** Starts everything in the order of dependencies. Everything is closed in the reverse order. */
async function start(given: Config, providers: Providers): Promise<Started> {
  await checkPorts(given);
  const health = await serveLiveness(given.http);
  const servers = await embed(given);
  const config = withServers(given, servers);
  const [{ startRoles }] = await Promise.all([
    import('./roles.js'),
    servers && stage(`Starting ${namesOf(given)}`, () => servers.ready(stopping)),
  ]);
  stopping.throwIfAborted();
  const running = await startRoles({ config, providers, stopping });
  closes.push(() => running.stop());
  return {
    hasServers: servers !== undefined,
    ...running.addresses,
    isAuthOn: config.auth.isOn,
    ...(health !== undefined && { health }),
    ...(servers?.temporal && {
      temporalUi: `${servers.temporal.uiUrl}/namespaces/${encodeURIComponent(config.temporal.namespace)}/workflows`,
    }),
  };
}

/** @throws Error that names the port and its variable, if another program uses one of our ports */
async function checkPorts({ http, roles }: Config): Promise<void> {
  const { host, port, opsPort, healthPort } = http;
  if (roles.has('write') || roles.has('read')) await assertPortFree(host, port, 'HTTP_PORT');
  if (opsPort !== undefined) await assertPortFree(host, opsPort, 'OPS_PORT');
  if (healthPort !== undefined) await assertPortFree(host, healthPort, 'HEALTH_PORT');
}

/** The configuration with the addresses of the embedded servers. */
function withServers(config: Config, servers: Servers | undefined): Config {
  const { temporal, mongodb } = servers ?? {};
  return {
    ...config,
    temporal: {
      ...config.temporal,
      ...(temporal && { address: temporal.address, uiUrl: temporal.uiUrl }),
    },
    mongodb: { ...config.mongodb, ...(mongodb && { uri: mongodb.uri }) },
  };
}

/** @returns the address of the liveness check */
async function serveLiveness({ host, healthPort }: Config['http']): Promise<string | undefined> {
  if (healthPort === undefined) return undefined;
  const liveness = await startLiveness(host, healthPort);
  closes.push(() => liveness.close());
  return `${addressOf(host, liveness.port)}/health/live`;
}

/** The names of the embedded servers. */
function namesOf({ embedded }: Config): string {
  return [embedded.temporal && 'Temporal', embedded.mongodb && 'MongoDB'].filter(Boolean).join(' and ');
}

/** Starts, or joins, the servers for which no address is given. */
async function embed(config: Config): Promise<Servers | undefined> {
  const { embedded } = config;
  if (!embedded.temporal && !embedded.mongodb) return undefined;
  const [temporal, mongod] = await stage(`Looking for ${namesOf(config)}`, (note) =>
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
          namespace: config.temporal.namespace,
          searchAttributes: SEARCH_ATTRIBUTES,
        },
      }),
    ...(embedded.mongodb && mongod !== undefined && { mongodb: { ...embedded.mongodb, binary: mongod } }),
    report: (line) => process.stdout.write(`${line}\n`),
  });
  closes.push(() => servers.stop());
  return servers;
}
