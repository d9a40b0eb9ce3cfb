import { bad, type Env, integer, list, port, text, value } from './variables.js';

/** Where the API listens. */
export interface HttpConfig {
  readonly host: string;
  /** 0 for any free port */
  readonly port: number;
  /** maximum number of open event streams */
  readonly maxStreams: number;
  /** port of the operations API, absent if `port` serves it; 0 for any free port */
  readonly opsPort?: number;
  /** port of the liveness check, which a separate thread answers; 0 for any free port */
  readonly healthPort?: number;
}

/** Which requests are accepted. */
export interface EdgeConfig {
  /** host names of this API, in lower case, besides those of the loopback interface */
  readonly hosts: readonly string[];
  /** origins whose pages may use the API */
  readonly origins: readonly string[];
  /** requests that a caller may send to this process in a minute; absent: no limit */
  readonly perMinute?: number;
}

export function readHttp(env: Env): HttpConfig {
  const httpPort = port(env, 'HTTP_PORT', 8080);
  const opsPort = optionalPort(env, 'OPS_PORT', { HTTP_PORT: httpPort });
  const healthPort = optionalPort(env, 'HEALTH_PORT', { HTTP_PORT: httpPort, OPS_PORT: opsPort });
  return {
    host: text(env, 'HTTP_HOST', '127.0.0.1'),
    port: httpPort,
    maxStreams: integer(env, 'MAX_STREAMS', 200, 1, 100_000),
    ...(opsPort !== undefined && { opsPort }),
    ...(healthPort !== undefined && { healthPort }),
  };
}

/**
 * A port that is absent unless the variable is set. It must be 0 or differ from the other ports.
 */
function optionalPort(
  env: Env,
  name: string,
  others: Readonly<Record<string, number | undefined>>,
): number | undefined {
  if (value(env, name) === undefined) return undefined;
  const found = port(env, name, 0);
  if (found !== 0 && Object.values(others).includes(found))
    throw bad(name, String(found), `another port than ${Object.keys(others).join(' and ')}`);
  return found;
}

/**
 * @param isAuthOn if false, the rate is not limited by default, because all callers are on this
 *   machine
 */
export function readEdge(env: Env, isAuthOn: boolean): EdgeConfig {
  const isUnlimited = text(env, 'RATE_LIMIT', isAuthOn ? '' : 'off') === 'off';
  return {
    hosts: list(env, 'ALLOWED_HOSTS', isHostName, 'host names without ports').map((name) =>
      name.toLowerCase(),
    ),
    origins: list(env, 'CORS_ORIGINS', isOrigin, 'origins such as https://shop.example'),
    ...(!isUnlimited && { perMinute: integer(env, 'RATE_LIMIT', 60_000, 1, 1_000_000_000) }),
  };
}

function isHostName(item: string): boolean {
  return /^[a-z\d]([a-z\d._-]*[a-z\d])?$/i.test(item);
}

function isOrigin(item: string): boolean {
  return /^https?:/.test(item) && URL.canParse(item) && new URL(item).origin === item;
}
