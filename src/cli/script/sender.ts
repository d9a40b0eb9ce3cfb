import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { type Command, Option } from 'commander';
import { isReserved, isSystemName } from '../../access/actors.js';
import type { CommandMeta } from '../../api/commands/gateway/gateway.js';
import { messageOf } from '../../outages/message-of.js';
import { hideSecret } from '../../redaction.js';
import { positive, seconds } from './arguments.js';
import { exitCodes, Failure, usageFailure } from './failure.js';
import type * as Input from './input.js';
import type { CommonOptions, Session } from './session.js';

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

/** Options of every script that asks the API for a change that is no command to an order. */
export interface RequestOptions extends CommonOptions {
  readonly key?: string;
  readonly actor?: string;
}

export function addRequestOptions(command: Command): Command {
  return command
    .option('--key <key>', 'Idempotency-Key: the same key and command again give the same answer')
    .option('--actor <name>', 'who does it, without a key (default: cli:<your user name>)');
}

/** The headers of a request with these options. */
export function requestHeaders(session: Session, options: RequestOptions): Readonly<Record<string, string>> {
  return { 'idempotency-key': options.key ?? randomUUID(), ...actorHeader(session, options) };
}

/** The API key of `--key-file` or `ORDERS_KEY`; undefined if there is none. */
export function keyOf({ env }: Session, { keyFile }: CommonOptions): string | undefined {
  const given = (keyFile === undefined ? env['ORDERS_KEY'] : readKey(keyFile))?.trim() ?? '';
  if (given === '' && keyFile === undefined) return undefined;
  if (!/^[!-~]+$/.test(given))
    throw usageFailure(`${keyFile ?? 'ORDERS_KEY'} has no key: expected one line without spaces`);
  hideSecret(given);
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
 * keeps its older name (`cli:…`), because the ids of stored commands contain it.
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

/** @throws Failure if the HTTP API would refuse the actor or the key */
export function checkWho({ checkKeys }: typeof Input, { key, actor, onBehalfOf }: CommandMeta): void {
  checkKeys({ key, actor, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) });
  const isOwn = /^temporal:/i.test(actor);
  if ((isReserved(actor) && !isOwn) || (onBehalfOf !== undefined && isSystemName(onBehalfOf)))
    throw usageFailure('only the system, or a key, gives such a name: choose another for --actor');
}
