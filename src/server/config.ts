import { resolve } from 'node:path';
import { hideConnectionString, hideSecret } from '../redaction.js';
import { isLocalServer, isLocalUri, isLoopback } from './config/addresses.js';
import { type AuthConfig, readAuth } from './config/auth.js';
import { type KafkaConfig, readKafka } from './config/kafka.js';
import { readRoles, type Role } from './config/roles.js';
import { readSecrets, type SecretName, type Secrets } from './config/secrets.js';
import { readTls, type TemporalTls } from './config/tls.js';
import {
  bad,
  ConfigError,
  duration,
  type Env,
  integer,
  list,
  matching,
  oneOf,
  port,
  readable,
  secret,
  text,
  value,
} from './config/variables.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The configuration of a process, read once at its start. Times are in milliseconds. */
export interface Config {
  readonly roles: ReadonlySet<Role>;
  readonly logLevel: LogLevel;
  readonly http: {
    readonly host: string;
    /** 0 for any free port */
    readonly port: number;
    /** maximum number of open event streams */
    readonly maxStreams: number;
    /** port of the operations API, which no other port then serves; 0 for any free port */
    readonly opsPort?: number;
    /** port of the liveness check, which a separate thread answers; 0 for any free port */
    readonly healthPort?: number;
  };
  /** The requests that are accepted. */
  readonly edge: {
    /** host names of this API, in lower case, besides those of the loopback interface */
    readonly hosts: readonly string[];
    /** origins whose pages may use the API */
    readonly origins: readonly string[];
    /** requests that a caller may send to this process in a minute; absent: no limit */
    readonly perMinute?: number;
  };
  readonly temporal: {
    /** `host:port`; the embedded server's if none is given */
    readonly address: string;
    readonly namespace: string;
    readonly taskQueue: string;
    /** the address of its Web UI, for links; absent if there is none, or it is not known */
    readonly uiUrl?: string;
    readonly tls?: TemporalTls;
    readonly apiKey?: string;
  };
  readonly mongodb: {
    /** connection string; the embedded server's if none is given */
    readonly uri: string;
    readonly db: string;
  };
  /** The keys of customers, under which persons are sealed. */
  readonly keys: {
    /** connection string; by default, they are on the server of the orders */
    readonly uri?: string;
    readonly db: string;
    /** the file of the master keys; absent for one in the data folder (`masterKeysOf`) */
    readonly masterKeyFile?: string;
  };
  /** The embedded servers. A server whose address is given is absent. */
  readonly embedded: {
    /** absolute path */
    readonly dataDir: string;
    /** 0 for any free port */
    readonly temporal?: { readonly port: number; readonly uiPort: number };
    readonly mongodb?: { readonly port: number };
  };
  /** Terms that are fixed for an order when it is created. */
  readonly terms: {
    /** how long a payment may stay pending after the provider has answered `pending` */
    readonly paymentDeadlineMs: number;
    readonly returnWindowMs: number;
    readonly authorizationTtlMs: number;
  };
  /** Who may use the API. */
  readonly auth: AuthConfig;
  /** Lists, for rotation: the first one signs, and each verifies. */
  readonly secrets: {
    /** secrets of the cursors of lists */
    readonly cursor: Secrets;
    /** Standard Webhooks secrets: `whsec_` and base64 */
    readonly paymentsWebhook: Secrets;
    readonly carriersWebhook: Secrets;
  };
  /**
   * whether the sandbox's secrets and providers may be used; by default, while the API and the
   * servers are on a loopback interface
   */
  readonly sandbox: boolean;
  /** the external systems: `builtIn`, or the path of a module that implements the port */
  readonly providers: {
    readonly payments: string;
    readonly inventory: string;
    readonly carriers: string;
  };
  /** absent if no broker is given */
  readonly kafka?: KafkaConfig;
  /** age from which an owed effect or a pending payment is listed for attention */
  readonly attentionAfterMs: number;
  /** whether webhooks go to private addresses too, and by http */
  readonly webhooksAllowPrivate: boolean;
  /** how often a carrier is asked about a parcel that is on its way */
  readonly trackEveryMs: number;
  /** interval of the reconciliation of Temporal with the journal and the views */
  readonly reconcileEveryMs: number;
  /**
   * number of history events after which an order continues as new; absent to follow the server's
   * suggestion
   */
  readonly continueAsNewAfter?: number;
}

/** Name of the providers that come with this project. */
export const builtIn = 'sandbox';

/**
 * @throws ConfigError if a worker would use the sandbox's payment provider although SANDBOX is off
 */
export function assertSandboxAllowed({ roles, sandbox, providers }: Config): void {
  if (!roles.has('worker') || sandbox || providers.payments !== builtIn) return;
  throw new ConfigError(
    'The payment provider is the sandbox, which charges nobody: set PAYMENTS to your own, or SANDBOX=on if nothing here is real. ' +
      'Without it, a worker starts only if HTTP_HOST, TEMPORAL_ADDRESS and MONGODB_URI are loopback addresses.',
  );
}

/**
 * Reads the environment variables. An empty value counts as not set. A secret may come from the
 * file that `<NAME>_FILE` names. From then on, `withoutSecrets` hides it.
 *
 * @throws ConfigError for the first unusable value
 */
export function readConfig(env: Env): Config {
  const roles = readRoles(env);
  const host = text(env, 'HTTP_HOST', '127.0.0.1');
  const temporalPort = port(env, 'TEMPORAL_PORT', 7233);
  const uiPort = port(env, 'TEMPORAL_UI_PORT', 8233);
  const mongodbPort = port(env, 'MONGODB_PORT', 27017);
  const temporalAddress = matching(
    'TEMPORAL_ADDRESS',
    value(env, 'TEMPORAL_ADDRESS'),
    /^[^\s:/]+:\d{1,5}$|^\[[\da-f:]+\]:\d{1,5}$/i,
    'host:port',
  );
  const mongodbUri = mongodb(env, 'MONGODB_URI');
  const mongodbDb =
    matching(
      'MONGODB_DB',
      value(env, 'MONGODB_DB'),
      /^[\w-]{1,55}$/,
      'letters, digits, _ and -, at most 55',
    ) ?? 'orders';
  const keysUri = mongodb(env, 'KEYS_MONGODB_URI');
  const kafka = readKafka(env, roles);
  const isLocal =
    isLoopback(host) &&
    (temporalAddress === undefined || isLocalServer(temporalAddress)) &&
    [mongodbUri, keysUri].every((uri) => uri === undefined || isLocalUri(uri)) &&
    (kafka?.brokers ?? []).every((broker) => isLoopback(broker.host));
  const sandbox = oneOf(env, 'SANDBOX', ['on', 'off'], isLocal ? 'on' : 'off') === 'on';
  const masterKeyFile = value(env, 'MASTER_KEY_FILE');
  const uiUrl = value(env, 'TEMPORAL_UI_URL');
  if (uiUrl !== undefined && !isWebAddress(uiUrl))
    throw bad('TEMPORAL_UI_URL', uiUrl, 'a URL such as https://temporal.example');
  const apiKey = secret(env, 'TEMPORAL_API_KEY');
  if (apiKey !== undefined) hideSecret(apiKey);
  const tls = readTls(env, 'TEMPORAL', apiKey !== undefined);
  const continueAsNewAfter = value(env, 'CONTINUE_AS_NEW_AFTER')
    ? integer(env, 'CONTINUE_AS_NEW_AFTER', 0, 10, 50_000)
    : undefined;
  const auth = readAuth(env, host, roles);
  const httpPort = port(env, 'HTTP_PORT', 8080);
  const opsPort = value(env, 'OPS_PORT') === undefined ? undefined : port(env, 'OPS_PORT', 0);
  if (opsPort !== undefined && opsPort !== 0 && opsPort === httpPort)
    throw bad('OPS_PORT', String(opsPort), 'another port than HTTP_PORT');
  const healthPort = value(env, 'HEALTH_PORT') === undefined ? undefined : port(env, 'HEALTH_PORT', 0);
  if (healthPort !== undefined && healthPort !== 0 && [httpPort, opsPort].includes(healthPort))
    throw bad('HEALTH_PORT', String(healthPort), 'another port than HTTP_PORT and OPS_PORT');
  const perMinute = readRateLimit(env, auth.isOn);
  const secrets = (name: SecretName, neededBy: Role): Secrets =>
    readSecrets(env, name, sandbox || !roles.has(neededBy));
  return {
    roles,
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    http: {
      host,
      port: httpPort,
      maxStreams: integer(env, 'MAX_STREAMS', 200, 1, 100_000),
      ...(opsPort !== undefined && { opsPort }),
      ...(healthPort !== undefined && { healthPort }),
    },
    edge: {
      hosts: list(env, 'ALLOWED_HOSTS', isHostName, 'host names without ports').map((name) =>
        name.toLowerCase(),
      ),
      origins: list(env, 'CORS_ORIGINS', isOrigin, 'origins such as https://shop.example'),
      ...(perMinute !== undefined && { perMinute }),
    },
    temporal: {
      address: temporalAddress ?? `127.0.0.1:${temporalPort}`,
      namespace: text(env, 'TEMPORAL_NAMESPACE', 'default'),
      taskQueue: text(env, 'TEMPORAL_TASK_QUEUE', 'orders'),
      ...(uiUrl !== undefined && { uiUrl: uiUrl.replace(/\/+$/, '') }),
      ...(tls && { tls }),
      ...(apiKey !== undefined && { apiKey }),
    },
    mongodb: {
      uri: mongodbUri ?? embeddedMongodbUri(mongodbPort),
      db: mongodbDb,
    },
    keys: {
      ...(keysUri !== undefined && { uri: keysUri }),
      db: `${mongodbDb}_keys`,
      ...(masterKeyFile !== undefined && { masterKeyFile: resolve(masterKeyFile) }),
    },
    embedded: {
      dataDir: resolve(text(env, 'DATA_DIR', '.data')),
      ...(temporalAddress === undefined && { temporal: { port: temporalPort, uiPort } }),
      ...(mongodbUri === undefined && { mongodb: { port: mongodbPort } }),
    },
    terms: {
      paymentDeadlineMs: duration(env, 'PAYMENT_DEADLINE', '24h'),
      returnWindowMs: duration(env, 'RETURN_WINDOW', '30d'),
      authorizationTtlMs: duration(env, 'AUTHORIZATION_TTL', '7d'),
    },
    auth,
    secrets: {
      cursor: secrets('CURSOR_SECRET', 'read'),
      paymentsWebhook: secrets('PAYMENTS_WEBHOOK_SECRET', 'write'),
      carriersWebhook: secrets('CARRIERS_WEBHOOK_SECRET', 'write'),
    },
    sandbox,
    providers: readProviders(env),
    ...(kafka && { kafka }),
    attentionAfterMs: duration(env, 'ATTENTION_AFTER', '5m'),
    webhooksAllowPrivate: oneOf(env, 'WEBHOOKS_ALLOW_PRIVATE', ['on', 'off'], 'off') === 'on',
    trackEveryMs: duration(env, 'TRACK_INTERVAL', '1h', 100),
    reconcileEveryMs: duration(env, 'RECONCILE_INTERVAL', '5m', 1_000),
    ...(continueAsNewAfter !== undefined && { continueAsNewAfter }),
  };
}

/**
 * Connection string of the embedded replica set. It connects directly, so the address that the
 * replica set has stored for its node does not matter.
 */
export function embeddedMongodbUri(onPort: number): string {
  return `mongodb://127.0.0.1:${onPort}/?directConnection=true`;
}

function mongodb(env: Env, name: string): string | undefined {
  const uri = matching(
    name,
    secret(env, name),
    /^mongodb(\+srv)?:\/\/\S+$/,
    'mongodb://… or mongodb+srv://…',
  );
  if (uri === undefined) return undefined;
  hideConnectionString(uri);
  const options = new URLSearchParams(uri.split('?')[1]);
  for (const option of ['tlsCAFile', 'tlsCertificateKeyFile', 'tlsCRLFile'])
    readable(`${name}: ${option}`, options.get(option) ?? undefined);
  return uri;
}

function isHostName(item: string): boolean {
  return /^[a-z\d]([a-z\d._-]*[a-z\d])?$/i.test(item);
}

function isOrigin(item: string): boolean {
  return /^https?:/.test(item) && URL.canParse(item) && new URL(item).origin === item;
}

function isWebAddress(given: string): boolean {
  return /^https?:/.test(given) && URL.canParse(given);
}

function readProviders(env: Env): Config['providers'] {
  return {
    payments: text(env, 'PAYMENTS', builtIn),
    inventory: text(env, 'INVENTORY', builtIn),
    carriers: text(env, 'CARRIERS', builtIn),
  };
}

/** With AUTH=off, all callers are on this machine: there is no limit by default. */
function readRateLimit(env: Env, isOn: boolean): number | undefined {
  if (text(env, 'RATE_LIMIT', isOn ? '' : 'off') === 'off') return undefined;
  return integer(env, 'RATE_LIMIT', 60_000, 1, 1_000_000_000);
}
