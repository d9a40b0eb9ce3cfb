import { ConfigError, type Env, file, oneOf, value } from './variables.js';

/** TLS settings, with the names of Temporal's SDK. */
export interface Tls {
  readonly serverRootCACertificate?: Buffer;
  readonly serverNameOverride?: string;
  readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
}

/**
 * Reads the TLS settings of Temporal or Kafka. Temporal's variables have the names that Temporal's
 * own tools use, and Kafka's variables follow the same pattern.
 */
export function readTls(env: Env, of: 'TEMPORAL' | 'KAFKA', onByDefault: boolean): Tls | undefined {
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
