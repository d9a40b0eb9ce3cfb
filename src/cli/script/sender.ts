import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isReserved, isSystemName } from '../../access/actors.js';
import type { CommandMeta } from '../../log/gateway/message.js';
import { messageOf } from '../../outages/message-of.js';
import { hideSecret } from '../../redaction.js';
import { checkEach } from './check.js';
import { exitCodes, Failure, usageFailure } from './failure.js';
import type { CommandOptions, RequestOptions } from './options.js';
import type { CommonOptions, Session } from './script.js';

/* Who sends a command or a request, and where a command goes. */

/** The headers of a request with these options. */
export function requestHeaders(session: Session, options: RequestOptions): Readonly<Record<string, string>> {
  return { 'idempotency-key': options.key ?? randomUUID(), ...actorHeader(session, options) };
}

/** The API key of `--key-file` or `ORDERS_KEY`; undefined if there is none. */
export function apiKeyOf({ env }: Session, { keyFile }: CommonOptions): string | undefined {
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
  if (apiKeyOf(session, options) !== undefined) return true;
  if (session.env['AUTH'] !== 'on') return false;
  const message =
    'authentication is on (AUTH=on): set ORDERS_KEY or --key-file, or send commands to Temporal itself with --direct';
  throw new Failure(exitCodes.usage, { code: 'key_missing', message });
}

/**
 * The header that names the actor of a request; none if a key identifies the actor.
 *
 * @throws Failure if an actor is given together with a key
 */
export function actorHeader(
  session: Session,
  options: CommonOptions & { readonly actor?: string },
): Readonly<Record<string, string>> {
  if (apiKeyOf(session, options) === undefined) return { 'x-actor': options.actor ?? `cli:${userName()}` };
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
 * The actor, key and expected version of a command that is sent to Temporal directly. Without an
 * actor, the issuer keeps its older name (`cli:…`), because the ids of stored commands contain that
 * name.
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

/**
 * Checks what the HTTP API takes as headers: the command's key, its actor, and on whose behalf it
 * is sent.
 *
 * @throws Failure if one of them is not allowed
 */
export async function checkSender({ key, actor, onBehalfOf }: CommandMeta): Promise<void> {
  await checkEach('Key', { key, actor, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) });
  const isOwn = /^temporal:/i.test(actor);
  if (isReserved(actor) && !isOwn)
    throw usageFailure('only the system, or a key, gives such a name: choose another for --actor');
  if (onBehalfOf !== undefined && isSystemName(onBehalfOf))
    throw usageFailure('only the system has such a name: choose another for --on-behalf-of');
}

function userName(): string {
  try {
    // An actor may also be sent as a header, so it has only visible ASCII characters.
    return userInfo().username.replaceAll(/[^\u0021-\u007e]/g, '_');
  } catch {
    // A container's user may have no name.
    return 'unknown';
  }
}
