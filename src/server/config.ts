import { isLocalServer, isLocalUri, isLoopback } from './config/addresses.js';
import { type AuthConfig, readAuth } from './config/auth.js';
import { type EdgeConfig, type HttpConfig, readEdge, readHttp } from './config/http.js';
import { type KafkaConfig, readKafka } from './config/kafka.js';
import { readRoles, type Role } from './config/roles.js';
import { readSecrets, type SecretName, type Secrets } from './config/secrets.js';
import { readServers, type ServersConfig } from './config/servers.js';
import { ConfigError, duration, type Env, integer, oneOf, text, value } from './config/variables.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The configuration of a process, read once at its start. Times are in milliseconds. */
export interface Config extends ServersConfig {
  readonly roles: ReadonlySet<Role>;
  readonly logLevel: LogLevel;
  readonly http: HttpConfig;
  readonly edge: EdgeConfig;
  /** Terms that are fixed for an order when it is created. */
  readonly terms: {
    /** how long a payment may stay pending after the provider has answered `pending` */
    readonly paymentDeadlineMs: number;
    readonly returnWindowMs: number;
    readonly authorizationTtlMs: number;
  };
  /** Who may use the API. */
  readonly auth: AuthConfig;
  /**
   * Lists of secrets, so that they can be rotated. The first secret signs, and every secret
   * verifies.
   */
  readonly secrets: {
    /** secrets of the cursors of lists */
    readonly cursor: Secrets;
    /** Standard Webhooks secrets: `whsec_` and base64 */
    readonly paymentsWebhook: Secrets;
    readonly carriersWebhook: Secrets;
  };
  /**
   * whether the sandbox's secrets and providers may be used; by default, they may if the API and
   * the servers are on a loopback interface
   */
  readonly sandbox: boolean;
  /** the external systems: `builtIn`, or the path of a module that implements the port */
  readonly providers: {
    readonly payments: string;
    readonly inventory: string;
    /**
     * absent if none is named: then the sandbox is used, or no carrier if the sandbox is not
     * allowed
     */
    readonly carriers?: string;
  };
  /** absent if no broker is given */
  readonly kafka?: KafkaConfig;
  /**
   * how long something may be owed, pending, undecided, failing or waiting before it needs an
   * operator
   */
  readonly attentionAfterMs: number;
  /** whether webhooks may also go to private addresses, and over http */
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
 * @throws ConfigError if a worker would use the payment provider or the carriers of the sandbox
 *   although SANDBOX is off
 */
export function assertSandboxAllowed({ roles, sandbox, providers }: Config): void {
  if (!roles.has('worker') || sandbox) return;
  const remedy =
    'or SANDBOX=on if nothing here is real. ' +
    'Without it, a worker starts only if HTTP_HOST, TEMPORAL_ADDRESS, MONGODB_URI, KEYS_MONGODB_URI and KAFKA_BROKERS are loopback addresses.';
  if (providers.payments === builtIn)
    throw new ConfigError(
      `The payment provider is the sandbox, which charges nobody: set PAYMENTS to a provider of your own, ${remedy}`,
    );
  if (providers.carriers === builtIn)
    throw new ConfigError(
      `CARRIERS=sandbox books labels that no carrier knows: set it to a provider of your own, unset it to refuse every label, ${remedy}`,
    );
}

/**
 * Reads the environment variables. An empty value counts as not set. A secret may come from the
 * file that `<NAME>_FILE` names. Once secrets are read, `withoutSecrets` hides them.
 *
 * @throws ConfigError for the first unusable value
 */
export function readConfig(env: Env): Config {
  const roles = readRoles(env);
  const http = readHttp(env);
  const servers = readServers(env);
  const kafka = readKafka(env, roles);
  const isLocal =
    isLoopback(http.host) &&
    isLocalServer(servers.temporal.address) &&
    [servers.mongodb.uri, servers.keys.uri ?? servers.mongodb.uri].every(isLocalUri) &&
    (kafka?.brokers ?? []).every((broker) => isLoopback(broker.host));
  const sandbox = oneOf(env, 'SANDBOX', ['on', 'off'], isLocal ? 'on' : 'off') === 'on';
  const auth = readAuth(env, http.host, roles);
  const continueAsNewAfter = value(env, 'CONTINUE_AS_NEW_AFTER')
    ? integer(env, 'CONTINUE_AS_NEW_AFTER', 0, 10, 50_000)
    : undefined;
  const secrets = (name: SecretName, neededBy: Role): Secrets =>
    readSecrets(env, name, sandbox || !roles.has(neededBy));
  return {
    ...servers,
    roles,
    logLevel: oneOf(env, 'LOG_LEVEL', LOG_LEVELS, 'info'),
    http,
    edge: readEdge(env, auth.isOn),
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

function readProviders(env: Env): Config['providers'] {
  const carriers = value(env, 'CARRIERS');
  return {
    payments: text(env, 'PAYMENTS', builtIn),
    inventory: text(env, 'INVENTORY', builtIn),
    ...(carriers !== undefined && { carriers }),
  };
}
