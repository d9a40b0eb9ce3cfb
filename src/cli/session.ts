import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import type { CommandMeta } from '../api/commands/gateway.js';
import { type Config, readConfig } from '../server/config.js';
import { type Api, connectApi } from './api.js';
import { usageFailure } from './failure.js';
import type { Terminal } from './terminal.js';
import type { WriteSide } from './write-side.js';

/** What every script is given. */
export interface Session {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly openWriteSide: (config: Config) => Promise<WriteSide>;
}

/** The session of this process. */
export function processSession(terminal: Terminal): Session {
  return {
    terminal,
    env: process.env,
    // Loaded when it is needed, as Temporal's SDK takes its time.
    async openWriteSide(config) {
      const { openWriteSide } = await import('./write-side.js');
      return await openWriteSide(config);
    },
  };
}

/** Options of every script. */
export interface CommonOptions {
  readonly json?: true;
  readonly url?: string;
}

/** Options of every script that sends a command. */
export interface CommandOptions extends CommonOptions {
  readonly key?: string;
  readonly ifMatch?: number;
  readonly actor?: string;
  readonly async?: true;
  readonly wait?: number;
}

/** By the variables of the public contract. A client serves nothing, so it needs none of a server's secrets. */
export function configOf({ env }: Session): Config {
  return readConfig({ ...env, ROLES: 'worker' });
}

/** The API of `--url`, `ORDERS_URL`, or `HTTP_HOST` and `HTTP_PORT`. */
export function apiOf(session: Session, { url }: CommonOptions): Api {
  const given = url ?? session.env['ORDERS_URL'];
  if (given !== undefined && given !== '') {
    if (!/^https?:$/.test(URL.canParse(given) ? new URL(given).protocol : ''))
      throw usageFailure(`${given} is no URL of the API: expected http://host:port`);
    return connectApi(given);
  }
  const { host, port } = configOf(session).http;
  // A server on all interfaces is reached on this machine's own.
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return connectApi(`http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`);
}

/** Who sends a command, under which key, and against which version. */
export function metaOf({ key, ifMatch, actor }: CommandOptions): CommandMeta {
  const issuer = actor ?? `cli:${userName()}`;
  return {
    issuer,
    key: key ?? randomUUID(),
    ...(key === undefined ? { fresh: true } : {}),
    actor: issuer,
    correlationId: randomUUID(),
    ...(ifMatch === undefined ? {} : { expectedVersion: ifMatch }),
  };
}

function userName(): string {
  try {
    // An actor is visible ASCII without spaces, as a header is.
    return userInfo().username.replaceAll(/[^\u0021-\u007e]/g, '_');
  } catch {
    // A container's user may have no name.
    return 'unknown';
  }
}
