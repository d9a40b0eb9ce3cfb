import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import type { CommandMeta } from '../api/commands/gateway.js';
import { withoutSecrets } from '../outages/secrets.js';
import { type Config, readConfig } from '../server/config.js';
import { type Api, connectApi, printExact } from './api.js';
import { positive, seconds } from './arguments.js';
import type { WriteSide } from './connections.js';
import { usageFailure } from './failure.js';
import type { Terminal } from './terminal.js';

/** What a script works with; tests pass their own. */
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
    // Imported on use, because Temporal's SDK loads slowly and most scripts do without it.
    async openWriteSide(config) {
      const { openWriteSide } = await import('./connections.js');
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

/**
 * The configuration by the environment. A script serves nothing, so it needs none of a server's
 * secrets.
 */
export function configOf({ env }: Session): Config {
  return readConfig({ ...env, ROLES: 'worker' });
}

/** The API of `--url`, `ORDERS_URL`, or `HTTP_HOST` and `HTTP_PORT`. */
export function apiOf(session: Session, { url }: CommonOptions): Api {
  const given = url ?? session.env['ORDERS_URL'];
  if (given !== undefined && given !== '') {
    if (!/^https?:$/.test(URL.canParse(given) ? new URL(given).protocol : ''))
      throw usageFailure(`${withoutSecrets(given)} is no URL of the API: expected http://host:port`);
    return connectApi(given);
  }
  const { host, port } = configOf(session).http;
  // A server that listens on all interfaces is reached over the loopback interface.
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return connectApi(`http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`);
}

/** Who sends a command, under which key, and for which version. */
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

/** Options of every script that sends a command to an order. */
export function addCommandOptions(command: Command): Command {
  return addSendOptions(command).option(
    '--if-match <version>',
    'only if the order is at this version',
    positive,
  );
}

/** Options of every script that sends a command. */
export function addSendOptions(command: Command): Command {
  return command
    .option('--key <key>', 'Idempotency-Key: the same key and command again give the same answer')
    .option('--actor <name>', 'who sends it (default: cli:<your user name>)')
    .addOption(
      new Option('--async', 'do not wait for the answer, only until it is durable').conflicts('wait'),
    )
    .option('--wait <seconds>', 'wait until the order has nothing left to do by itself, 0 to 30', seconds);
}

export interface Help {
  /** what the script does, in the list of all scripts and as the first sentence of its own help */
  readonly summary: string;
  /** what else there is to say */
  readonly details?: string;
  /** as they are typed after `npx orders` */
  readonly examples: readonly string[];
}

/** Adds a script with its help. */
export function addScript(parent: Command, name: string, { summary, details, examples }: Help): Command {
  const [initial, rest] = [summary.charAt(0), summary.slice(1)];
  const sentence = `${initial.toUpperCase()}${rest}.`;
  return parent
    .command(name)
    .summary(`${initial.toLowerCase()}${rest}`)
    .description(details === undefined ? sentence : `${sentence}\n\n${details}`)
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  npx orders ${line}`).join('\n')}`);
}

/** Prints a result: as exactly one JSON value, or for a person. */
export function report(
  { terminal: { print } }: Session,
  { json }: CommonOptions,
  result: unknown,
  lines: () => readonly string[],
): void {
  if (json === true) print(printExact(result));
  else for (const line of lines()) print(line);
}
