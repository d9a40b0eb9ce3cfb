import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import type { CommandMeta } from '../../api/commands/gateway.js';
import { messageOf } from '../../outages/message-of.js';
import { keepSecret, withoutSecrets } from '../../outages/secrets.js';
import { addressOf } from '../../server/address.js';
import { type Config, readConfig } from '../../server/config.js';
import { type Api, connectApi, printExact } from '../connections/api.js';
import { positive, seconds } from './arguments.js';
import { exitCodes, Failure, usageFailure } from './failure.js';
import type { Terminal } from '../terminal/terminal.js';
import type { WriteSide } from '../connections/write-side.js';

/** The environment of a script; tests pass their own. */
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
      const { openWriteSide } = await import('../connections/write-side.js');
      return await openWriteSide(config);
    },
  };
}

/** Options of every script. */
export interface CommonOptions {
  readonly json?: true;
  readonly url?: string;
  readonly keyFile?: string;
  readonly direct?: true;
}

/** Options of every script that sends a command. */
export interface CommandOptions extends CommonOptions {
  readonly key?: string;
  readonly ifMatch?: number;
  readonly actor?: string;
  readonly onBehalfOf?: string;
  readonly async?: true;
  readonly wait?: number;
  readonly preview?: true;
}

/**
 * The configuration from the environment. A script serves nothing, so it needs no secrets of a
 * server.
 */
export function configOf({ env }: Session): Config {
  return readConfig({ ...env, ROLES: 'worker' });
}

/** The API of `--url`, `ORDERS_URL`, or `HTTP_HOST` and `HTTP_PORT`. */
export function apiOf(session: Session, options: CommonOptions): Api {
  const given = options.url ?? session.env['ORDERS_URL'];
  const key = keyOf(session, options);
  if (given !== undefined && given !== '') {
    if (!/^https?:$/.test(URL.canParse(given) ? new URL(given).protocol : ''))
      throw usageFailure(`${withoutSecrets(given)} is no URL of the API: expected http://host:port`);
    return connectApi(given, key);
  }
  const { host, port } = configOf(session).http;
  return connectApi(addressOf(host, port), key);
}

/**
 * The operations API: on the port `OPS_PORT` of `HTTP_HOST` if that variable is set, unless an
 * address is given.
 */
export function operationsApiOf(session: Session, options: CommonOptions): Api {
  const { host, opsPort } = configOf(session).http;
  const given = options.url ?? session.env['ORDERS_URL'] ?? '';
  if (opsPort === undefined || given !== '') return apiOf(session, options);
  return apiOf(session, { ...options, url: addressOf(host, opsPort) });
}

/** The API key of `--key-file` or `ORDERS_KEY`; undefined if there is none. */
function keyOf({ env }: Session, { keyFile }: CommonOptions): string | undefined {
  const given = (keyFile === undefined ? env['ORDERS_KEY'] : readKey(keyFile))?.trim() ?? '';
  if (given === '' && keyFile === undefined) return undefined;
  if (!/^[!-~]+$/.test(given))
    throw usageFailure(`${keyFile ?? 'ORDERS_KEY'} has no key: expected one line without spaces`);
  keepSecret(given);
  return given;
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${messageOf(error)}`);
  }
}

/**
 * Whether commands go to the API, which identifies their sender by the key. Otherwise they go to
 * Temporal directly.
 *
 * @throws Failure if a key is needed and missing
 */
export function isOverHttp(session: Session, options: CommonOptions): boolean {
  if (options.direct === true) return false;
  if (keyOf(session, options) !== undefined) return true;
  if (session.env['AUTH'] !== 'on') return false;
  const message =
    'authentication is on (AUTH=on): set ORDERS_KEY or --key-file, or send commands to Temporal itself with --direct';
  throw new Failure(exitCodes.usage, { code: 'key_missing', message });
}

/**
 * The actor of a request, as a header; none if a key identifies it.
 *
 * @throws Failure if both are given
 */
export function actorHeader(
  session: Session,
  options: CommonOptions & { readonly actor?: string },
): Readonly<Record<string, string>> {
  if (keyOf(session, options) === undefined) return { 'x-actor': options.actor ?? `cli:${userName()}` };
  refuseActor(options);
  return {};
}

/** @throws Failure if an actor is given together with a key */
export function refuseActor({ actor }: { readonly actor?: string }): void {
  if (actor !== undefined)
    throw usageFailure(
      '--actor cannot be used with a key, which says who sends it: leave it out, or use --direct',
    );
}

/**
 * The actor, key and expected version of a command that is sent to Temporal directly. The issuer
 * has an older name than the actor, since it is in the ids of stored commands.
 */
export function metaOf({ key, ifMatch, actor, onBehalfOf }: CommandOptions): CommandMeta {
  return {
    issuer: actor ?? `cli:${userName()}`,
    key: key ?? randomUUID(),
    ...(key === undefined ? { fresh: true } : {}),
    actor: actor ?? `temporal:${userName()}`,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
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
    .option('--actor <name>', 'who sends it, without a key (default: temporal:<your user name>)')
    .option('--on-behalf-of <name>', 'for whom; recorded beside the actor')
    .addOption(
      new Option('--async', 'do not wait for the answer, only until it is durable').conflicts('wait'),
    )
    .option('--wait <seconds>', 'wait until the order has nothing left to do by itself, 0 to 30', seconds)
    .addOption(
      new Option('--preview', 'show what it would do, and change nothing').conflicts(['async', 'wait']),
    );
}

export interface Help {
  /** what the script does, in the list of all scripts and as the first sentence of its own help */
  readonly summary: string;
  /** further explanation */
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

/** Prints a result: as exactly one JSON value, or as readable text. */
export function report(
  { terminal: { print } }: Session,
  { json }: CommonOptions,
  result: unknown,
  lines: () => readonly string[],
): void {
  if (json === true) print(printExact(result));
  else for (const line of lines()) print(line);
}
