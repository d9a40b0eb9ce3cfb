import { resolve } from 'node:path';
import { hideConnectionString, hideSecret } from '../../redaction.js';
import { readTls, type Tls } from './tls.js';
import { bad, type Env, matching, port, readFileNamed, secret, text, value } from './variables.js';

/** How Temporal and MongoDB are reached, and which of them are embedded. */
export interface ServersConfig {
  readonly temporal: {
    /** `host:port`; the embedded server's if none is given */
    readonly address: string;
    readonly namespace: string;
    readonly taskQueue: string;
    /** the address of its Web UI, for links; absent if there is none, or it is not known */
    readonly uiUrl?: string;
    readonly tls?: Tls;
    readonly apiKey?: string;
  };
  readonly mongodb: {
    /** connection string; the embedded server's if none is given */
    readonly uri: string;
    readonly db: string;
  };
  /** The keys of customers, under which personal data is sealed. */
  readonly keys: {
    /** connection string of their server; absent if it is the server of the orders */
    readonly uri?: string;
    readonly db: string;
    /** the file with the master keys; absent if it is in the data folder (see `masterKeysOf`) */
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
}

export function readServers(env: Env): ServersConfig {
  const temporalPort = port(env, 'TEMPORAL_PORT', 7233);
  const uiPort = port(env, 'TEMPORAL_UI_PORT', 8233);
  const mongodbPort = port(env, 'MONGODB_PORT', 27017);
  const address = matching(
    'TEMPORAL_ADDRESS',
    value(env, 'TEMPORAL_ADDRESS'),
    /^[^\s:/]+:\d{1,5}$|^\[[\da-f:]+\]:\d{1,5}$/i,
    'host:port',
  );
  const uri = readUri(env, 'MONGODB_URI');
  const db =
    matching(
      'MONGODB_DB',
      value(env, 'MONGODB_DB'),
      /^[\w-]{1,55}$/,
      'letters, digits, _ and -, at most 55',
    ) ?? 'orders';
  const keysUri = readUri(env, 'KEYS_MONGODB_URI');
  const masterKeyFile = value(env, 'MASTER_KEY_FILE');
  return {
    temporal: { address: address ?? `127.0.0.1:${temporalPort}`, ...readTemporal(env) },
    mongodb: { uri: uri ?? embeddedMongodbUri(mongodbPort), db },
    keys: {
      ...(keysUri !== undefined && { uri: keysUri }),
      db: `${db}_keys`,
      ...(masterKeyFile !== undefined && { masterKeyFile: resolve(masterKeyFile) }),
    },
    embedded: {
      dataDir: resolve(text(env, 'DATA_DIR', '.data')),
      ...(address === undefined && { temporal: { port: temporalPort, uiPort } }),
      ...(uri === undefined && { mongodb: { port: mongodbPort } }),
    },
  };
}

function readTemporal(env: Env): Omit<ServersConfig['temporal'], 'address'> {
  const uiUrl = value(env, 'TEMPORAL_UI_URL');
  if (uiUrl !== undefined && !isWebAddress(uiUrl))
    throw bad('TEMPORAL_UI_URL', uiUrl, 'a URL such as https://temporal.example');
  const apiKey = secret(env, 'TEMPORAL_API_KEY');
  if (apiKey !== undefined) hideSecret(apiKey);
  const tls = readTls(env, 'TEMPORAL', apiKey !== undefined);
  return {
    namespace: text(env, 'TEMPORAL_NAMESPACE', 'default'),
    taskQueue: text(env, 'TEMPORAL_TASK_QUEUE', 'orders'),
    ...(uiUrl !== undefined && { uiUrl: uiUrl.replace(/\/+$/, '') }),
    ...(tls && { tls }),
    ...(apiKey !== undefined && { apiKey }),
  };
}

/**
 * Connection string of the embedded replica set. It connects directly, so the address that the
 * replica set has stored for its node does not matter.
 */
export function embeddedMongodbUri(onPort: number): string {
  return `mongodb://127.0.0.1:${onPort}/?directConnection=true`;
}

function readUri(env: Env, name: string): string | undefined {
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
    readFileNamed(`${name}: ${option}`, options.get(option) ?? undefined);
  return uri;
}

function isWebAddress(given: string): boolean {
  return /^https?:/.test(given) && URL.canParse(given);
}
