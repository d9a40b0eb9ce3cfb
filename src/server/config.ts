import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { schemaVersions } from '../order/events.js';
import { idPattern, linePattern } from '../order/patterns.js';
import { keepConnectionString, keepSecret, withoutSecrets } from '../outages/secrets.js';
import { itemsIn } from './items.js';

export const ROLES = ['write', 'read', 'worker', 'feed', 'kafka'] as const;
export type Role = (typeof ROLES)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

const PAYLOADS = ['thin', 'event', 'order'] as const;

/** A list with at least one secret. */
export type Secrets = readonly [string, ...string[]];

/** TLS settings, as Temporal's SDK takes them. */
export interface TemporalTls {
  readonly serverRootCACertificate?: Buffer;
  readonly serverNameOverride?: string;
  readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
}

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
    /** port of operations, which are then served there only; 0 for any free port */
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
    /** how long a payment may be pending, from when the provider says so */
    readonly paymentDeadlineMs: number;
    readonly returnWindowMs: number;
    readonly authorizationTtlMs: number;
  };
  /** Who may use the API. */
  readonly auth: {
    /** off: every caller may do everything, which is possible on a loopback address only */
    readonly isOn: boolean;
    /** absent without an OpenID issuer */
    readonly tokens?: {
      /** URL, as in `iss` */
      readonly issuer: string;
      /** as in `aud` */
      readonly audience: string;
      /** name of the claim that has the scopes */
      readonly scopesClaim: string;
    };
  };
  /** Lists, for rotation: the first one signs, and each verifies. */
  readonly secrets: {
    /** sign list cursors */
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
  readonly kafka?: {
    readonly brokers: readonly { readonly host: string; readonly port: number }[];
    /** the topic of events; also the transactional id */
    readonly topic: string;
    /** also the consumer group */
    readonly commandsTopic: string;
    /** the partitions of a topic that the system creates */
    readonly partitions: number;
    /** which events are published, and in which form; a list is empty for all */
    readonly selection: {
      readonly eventTypes: readonly string[];
      readonly customers: readonly string[];
      readonly tags: readonly string[];
      readonly payload: (typeof PAYLOADS)[number];
    };
    readonly tls?: {
      readonly ca?: Buffer;
      readonly cert?: Buffer;
      readonly key?: Buffer;
      readonly serverName?: string;
    };
    readonly sasl?: {
      readonly mechanism: (typeof SASL_MECHANISMS)[number];
      readonly username: string;
      readonly password: string;
    };
  };
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

/**
 * A variable has an unusable value. The message is one line: variable, value and what was expected.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
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
 * Public secrets, accepted only while all servers are on a loopback interface, or with
 * `SANDBOX=on`.
 */
const SANDBOX_SECRETS = {
  CURSOR_SECRET: 'sandbox-cursor-secret',
  PAYMENTS_WEBHOOK_SECRET: `whsec_${Buffer.from('sandbox-payments-webhook-secret').toString('base64')}`,
  CARRIERS_WEBHOOK_SECRET: `whsec_${Buffer.from('sandbox-carriers-webhook-secret').toString('base64')}`,
};

type Env = Readonly<Record<string, string | undefined>>;

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
  if (apiKey !== undefined) keepSecret(apiKey);
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
  const secrets = (name: keyof typeof SANDBOX_SECRETS, neededBy: Role): Secrets =>
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

function value(env: Env, name: string): string | undefined {
  const given = env[name]?.trim();
  return given === '' ? undefined : given;
}

function text(env: Env, name: string, byDefault: string): string {
  return value(env, name) ?? byDefault;
}

/** @param given shown without user name, password and options, in case it is a connection string */
function bad(name: string, given: string, expected: string): ConfigError {
  const shown = withoutSecrets(given.replace(/^.*@/s, '***@').replace(/\?.*$/s, '?***'));
  return new ConfigError(`${name}=${shown} cannot be used: expected ${expected}.`);
}

/** A secret, from its variable or from the file that `<NAME>_FILE` names. */
function secret(env: Env, name: string): string | undefined {
  const given = value(env, name);
  const content = file(env, `${name}_FILE`)?.toString('utf8').trim();
  if (content === undefined) return given;
  if (given !== undefined) throw new ConfigError(`${name} and ${name}_FILE are both set: unset one of them.`);
  if (content === '')
    throw new ConfigError(`${name}_FILE names an empty file: expected the value of ${name}.`);
  return content;
}

function matching(
  name: string,
  given: string | undefined,
  pattern: RegExp,
  expected: string,
): string | undefined {
  if (given !== undefined && !pattern.test(given)) throw bad(name, given, expected);
  return given;
}

function mongodb(env: Env, name: string): string | undefined {
  const uri = matching(
    name,
    secret(env, name),
    /^mongodb(\+srv)?:\/\/\S+$/,
    'mongodb://… or mongodb+srv://…',
  );
  if (uri === undefined) return undefined;
  keepConnectionString(uri);
  const options = new URLSearchParams(uri.split('?')[1]);
  for (const option of ['tlsCAFile', 'tlsCertificateKeyFile', 'tlsCRLFile'])
    readable(`${name}: ${option}`, options.get(option) ?? undefined);
  return uri;
}

/** A list whose items are separated by commas. */
function list(env: Env, name: string, isOne: (item: string) => boolean, expected: string): readonly string[] {
  const given = value(env, name);
  const items = given?.split(',').map((item) => item.trim()) ?? [];
  if (given !== undefined && !items.every(isOne)) throw bad(name, given, `${expected}, separated by commas`);
  return items;
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

function integer(env: Env, name: string, byDefault: number, min: number, max: number): number {
  const given = value(env, name);
  if (given === undefined) return byDefault;
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < min || number > max) {
    throw bad(name, given, `a whole number from ${min} to ${max}`);
  }
  return number;
}

function port(env: Env, name: string, byDefault: number): number {
  return integer(env, name, byDefault, 0, 65_535);
}

function oneOf<T extends string>(env: Env, name: string, allowed: readonly T[], byDefault: T): T {
  const given = value(env, name);
  if (given === undefined) return byDefault;
  const found = allowed.find((one) => one === given);
  if (found === undefined) throw bad(name, given, `one of ${allowed.join(', ')}`);
  return found;
}

const UNIT_MS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);
export const LONGEST_MS = 3_650 * 86_400_000;

function duration(env: Env, name: string, byDefault: string, atLeastMs = 1): number {
  const given = text(env, name, byDefault);
  const ms = durationMs(given);
  if (!(ms >= atLeastMs && ms <= LONGEST_MS)) {
    const least = atLeastMs === 1 ? 'above zero' : `of ${atLeastMs}ms or more`;
    throw bad(name, given, `a duration ${least} and up to ten years, such as 500ms, 90s, 15m, 24h or 30d`);
  }
  return ms;
}

/** Milliseconds of a duration such as 500ms, 90s, 15m, 24h or 30d; NaN if it is not one. */
export function durationMs(given: string): number {
  const [, amount, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(given) ?? [];
  return Number(amount) * (UNIT_MS.get(unit) ?? Number.NaN);
}

function readProviders(env: Env): Config['providers'] {
  return {
    payments: text(env, 'PAYMENTS', builtIn),
    inventory: text(env, 'INVENTORY', builtIn),
    carriers: text(env, 'CARRIERS', builtIn),
  };
}

function readRoles(env: Env): ReadonlySet<Role> {
  const given = value(env, 'ROLES');
  if (given === undefined)
    return new Set(ROLES.filter((role) => role !== 'kafka' || value(env, 'KAFKA_BROKERS') !== undefined));
  const roles = given.split(',').map((name) => {
    const role = ROLES.find((one) => one === name.trim());
    if (role === undefined) throw bad('ROLES', given, `any of ${ROLES.join(',')}`);
    return role;
  });
  return new Set(roles);
}

/** These variables have no effect without brokers. */
const KAFKA_NAMES = [
  'KAFKA_TOPIC',
  'KAFKA_COMMANDS_TOPIC',
  'KAFKA_PARTITIONS',
  'KAFKA_EVENTS',
  'KAFKA_CUSTOMERS',
  'KAFKA_TAGS',
  'KAFKA_PAYLOAD',
  'KAFKA_USERNAME',
  'KAFKA_PASSWORD',
  'KAFKA_PASSWORD_FILE',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_TLS',
  'KAFKA_TLS_SERVER_CA_CERT_PATH',
  'KAFKA_TLS_SERVER_NAME',
  'KAFKA_TLS_CLIENT_CERT_PATH',
  'KAFKA_TLS_CLIENT_KEY_PATH',
];

/**
 * @throws ConfigError if there is no broker and one is needed, or a password would be sent in clear
 */
function readKafka(env: Env, roles: ReadonlySet<Role>): Config['kafka'] {
  const brokers = list(env, 'KAFKA_BROKERS', (item) => brokerOf(item) !== undefined, 'host:port').flatMap(
    (item) => brokerOf(item) ?? [],
  );
  if (brokers.length === 0) {
    if (roles.has('kafka')) throw new ConfigError('KAFKA_BROKERS is missing: the role kafka needs it.');
    const useless = KAFKA_NAMES.find((name) => value(env, name) !== undefined);
    if (useless === undefined) return undefined;
    throw new ConfigError(`KAFKA_BROKERS is missing: ${useless} is of no use without it.`);
  }
  const topic = topicIn(env, 'KAFKA_TOPIC', 'orders.events');
  const commandsTopic = topicIn(env, 'KAFKA_COMMANDS_TOPIC', 'orders.commands');
  // The same names as `topicsOf` derives.
  const taken = [commandsTopic, `${commandsTopic}.refused`];
  const shared = [topic, `${topic}.checkpoints`].find((name) => taken.includes(name));
  if (shared !== undefined)
    throw new ConfigError(
      `KAFKA_TOPIC=${topic} and KAFKA_COMMANDS_TOPIC=${commandsTopic} both need the topic ${shared}: give each its own. The first also needs ${topic}.checkpoints, the second ${commandsTopic}.refused.`,
    );
  const partitions = integer(env, 'KAFKA_PARTITIONS', 6, 1, 1_000);
  const selection = readSelection(env);
  const sasl = readSasl(env);
  const tls = readTls(env, 'KAFKA', sasl !== undefined);
  const remote = brokers.find(({ host }) => !isLoopback(host));
  if (sasl?.mechanism === 'PLAIN' && tls === undefined && remote !== undefined)
    throw new ConfigError(
      `KAFKA_TLS=false cannot be used with KAFKA_SASL_MECHANISM=PLAIN: ${remote.host} would get KAFKA_PASSWORD unencrypted. Remove KAFKA_TLS, or use SCRAM-SHA-512.`,
    );
  const { crt: cert, key } = tls?.clientCertPair ?? {};
  return {
    brokers,
    topic,
    commandsTopic,
    partitions,
    selection,
    ...(tls && {
      tls: {
        ...(tls.serverRootCACertificate && { ca: tls.serverRootCACertificate }),
        ...(tls.serverNameOverride !== undefined && { serverName: tls.serverNameOverride }),
        ...(cert && key && { cert, key }),
      },
    }),
    ...(sasl && { sasl }),
  };
}

/**
 * Which events are published. Types, ids and tags are checked as in the settings of a webhook
 * endpoint.
 */
function readSelection(env: Env): NonNullable<Config['kafka']>['selection'] {
  const known = Object.keys(schemaVersions);
  const [id, line] = [new RegExp(idPattern, 'u'), new RegExp(linePattern, 'u')];
  const types = `types of events, of ${known.join(', ')}`;
  return {
    eventTypes: chosenItems(env, 'KAFKA_EVENTS', (item) => known.includes(item), types),
    customers: chosenItems(env, 'KAFKA_CUSTOMERS', (item) => id.test(item), 'ids of customers'),
    tags: chosenItems(env, 'KAFKA_TAGS', (item) => line.test(item), 'tags, one that has a comma in quotes'),
    payload: oneOf(env, 'KAFKA_PAYLOAD', PAYLOADS, 'event'),
  };
}

/** @throws ConfigError for a list without items: it would choose everything */
function chosenItems(
  env: Env,
  name: string,
  isOne: (item: string) => boolean,
  expected: string,
): readonly string[] {
  const given = value(env, name);
  if (given === undefined) return [];
  const items = itemsIn(given);
  if (items.length === 0 || !items.every(isOne))
    throw bad(name, given, `${expected}, separated by commas; unset it for all`);
  return items;
}

function topicIn(env: Env, name: string, fallback: string): string {
  const topic = text(env, name, fallback);
  matching(name, topic, /^[\w.-]{1,200}$/, 'letters, digits, ".", "_" and "-", at most 200');
  return topic;
}

function brokerOf(item: string): { readonly host: string; readonly port: number } | undefined {
  const [, name, ipv6, digits] = /^(?:([\w.-]+)|\[([\da-f:.]+)\]):(\d{1,5})$/i.exec(item) ?? [];
  const [host, onPort] = [name ?? ipv6, Number(digits)];
  return host !== undefined && onPort >= 1 && onPort <= 65_535 ? { host, port: onPort } : undefined;
}

function readSasl(env: Env): NonNullable<Config['kafka']>['sasl'] {
  const username = value(env, 'KAFKA_USERNAME');
  const password = secret(env, 'KAFKA_PASSWORD');
  const mechanism = oneOf(env, 'KAFKA_SASL_MECHANISM', SASL_MECHANISMS, 'SCRAM-SHA-512');
  if (username === undefined && password === undefined) {
    if (value(env, 'KAFKA_SASL_MECHANISM') === undefined) return undefined;
    throw new ConfigError('KAFKA_USERNAME is missing: KAFKA_SASL_MECHANISM is of no use without it.');
  }
  if (username === undefined) throw new ConfigError('KAFKA_USERNAME is missing: KAFKA_PASSWORD is for it.');
  if (password === undefined)
    throw new ConfigError('KAFKA_PASSWORD is missing: set it or KAFKA_PASSWORD_FILE.');
  keepSecret(password);
  return { mechanism, username, password };
}

/** With AUTH=off, all callers are on this machine: there is no limit by default. */
function readRateLimit(env: Env, isOn: boolean): number | undefined {
  if (text(env, 'RATE_LIMIT', isOn ? '' : 'off') === 'off') return undefined;
  return integer(env, 'RATE_LIMIT', 60_000, 1, 1_000_000_000);
}

/** @throws ConfigError if the API would be open to more than this machine */
function readAuth(env: Env, host: string, roles: ReadonlySet<Role>): Config['auth'] {
  const isOn = oneOf(env, 'AUTH', ['on', 'off'], 'off') === 'on';
  const issuer = value(env, 'AUTH_ISSUER');
  const audience = value(env, 'AUTH_AUDIENCE');
  const scopesClaim = text(env, 'AUTH_SCOPES_CLAIM', 'scope');
  const isServed = roles.has('write') || roles.has('read');
  if (!isOn && isServed && !isLoopback(host)) {
    throw new ConfigError(
      `AUTH=on is missing: it must be set when HTTP_HOST (${host}) is not a loopback address.`,
    );
  }
  if (issuer === undefined && audience === undefined) return { isOn };
  if (issuer === undefined)
    throw new ConfigError('AUTH_ISSUER is missing: AUTH_AUDIENCE is for the tokens of an issuer.');
  if (!isIssuer(issuer)) throw bad('AUTH_ISSUER', issuer, 'the https URL of an OpenID issuer');
  if (audience === undefined)
    throw new ConfigError(
      'AUTH_AUDIENCE is missing: it says which tokens of AUTH_ISSUER are meant for this API.',
    );
  if (!isOn && isServed) throw new ConfigError('AUTH=on is missing: AUTH_ISSUER is of no use without it.');
  return { isOn, tokens: { issuer, audience, scopesClaim } };
}

/** An issuer is accepted over https, and over http on this machine only. */
function isIssuer(given: string): boolean {
  const { protocol, hostname, search, hash } = URL.canParse(given) ? new URL(given) : new URL('none:');
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  return isSafe && search === '' && hash === '';
}

/** Temporal's variables have the names that its own tools use; Kafka's follow the same pattern. */
function readTls(env: Env, of: 'TEMPORAL' | 'KAFKA', onByDefault: boolean): TemporalTls | undefined {
  const ca = file(env, `${of}_TLS_SERVER_CA_CERT_PATH`);
  const crt = file(env, `${of}_TLS_CLIENT_CERT_PATH`);
  const key = file(env, `${of}_TLS_CLIENT_KEY_PATH`);
  const serverName = value(env, `${of}_TLS_SERVER_NAME`);
  if (crt && !key)
    throw new ConfigError(`${of}_TLS_CLIENT_KEY_PATH is missing: the client certificate needs its key.`);
  if (key && !crt)
    throw new ConfigError(`${of}_TLS_CLIENT_CERT_PATH is missing: the client key needs its certificate.`);
  const impliedByOthers = onByDefault || ca !== undefined || crt !== undefined || serverName !== undefined;
  if (oneOf(env, `${of}_TLS`, ['true', 'false'], impliedByOthers ? 'true' : 'false') === 'false')
    return undefined;
  return {
    ...(ca && { serverRootCACertificate: ca }),
    ...(serverName !== undefined && { serverNameOverride: serverName }),
    ...(crt && key && { clientCertPair: { crt, key } }),
  };
}

function file(env: Env, name: string): Buffer | undefined {
  return readable(name, value(env, name));
}

function readable(name: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch {
    throw bad(name, path, 'the path of a file that can be read');
  }
}

/** Whether all servers of a connection string are on this machine. */
export function isLocalUri(uri: string): boolean {
  const [, servers = ''] = /^mongodb:\/\/(?:[^@/]*@)?([^/?]+)/.exec(uri) ?? [];
  return servers.split(',').every((server) => isLocalServer(server));
}

/** @param server a host name or address, with or without a port */
function isLocalServer(server: string): boolean {
  return isLoopback(server.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** A list whose items are separated by commas or line ends. */
function readSecrets(env: Env, name: keyof typeof SANDBOX_SECRETS, maySandbox: boolean): Secrets {
  const given = secret(env, name);
  if (given === undefined) {
    if (maySandbox) return [SANDBOX_SECRETS[name]];
    throw new ConfigError(
      `${name} is missing: set it or ${name}_FILE, or SANDBOX=on if nothing here is real.`,
    );
  }
  const [first, ...others] = given
    .split(/[,\n]/)
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => readSecretItem(name, item, maySandbox));
  if (first === undefined) throw new ConfigError(`${name} is an empty list: expected at least one secret.`);
  return [first, ...others];
}

function readSecretItem(name: keyof typeof SANDBOX_SECRETS, item: string, maySandbox: boolean): string {
  if (item === SANDBOX_SECRETS[name]) {
    if (maySandbox) return item;
    throw new ConfigError(
      `${name} has the sandbox's secret, which is public: set another one, or SANDBOX=on if nothing here is real.`,
    );
  }
  if (name === 'CURSOR_SECRET') {
    if (item.length < 16) throw new ConfigError(`${name} is too short: expected at least 16 characters.`);
  } else {
    const [, base64 = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(item) ?? [];
    if (Buffer.from(base64, 'base64').length < 24) {
      throw new ConfigError(
        `${name} cannot be used: expected whsec_ followed by at least 24 bytes in base64.`,
      );
    }
  }
  keepSecret(item);
  return item;
}
