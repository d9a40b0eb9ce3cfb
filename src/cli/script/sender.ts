import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { isReserved, isSystemName } from '../../access/actors.js';
import type { CommandMeta } from '../../log/gateway/message.js';
import { apiKeyOf } from './api-key.js';
import { checkKeys } from './check.js';
import { exitCodes, Failure, usageFailure } from './failure.js';
import { withLastStep } from './interrupt.js';
import type { CommandOptions, RequestOptions } from './options.js';
import type { CommonOptions, Session } from './script.js';

/* Who sends a command or a request, and under which idempotency key. */

type Headers = Readonly<Record<string, string>>;

/**
 * Sends a request with the headers for its idempotency key and its actor.
 *
 * @throws Failure if one of them is not allowed, or as `underKey` does
 */
export async function sendRequest<T>(
  session: Session,
  options: RequestOptions,
  send: (headers: Headers) => Promise<T>,
): Promise<T> {
  const { key = randomUUID() } = options;
  await checkKeys({ key });
  const headers = { 'idempotency-key': key, ...(await actorHeader(session, options)) };
  return await underKey(session, key, () => send(headers));
}

/**
 * Sends something under an idempotency key. If it is interrupted, prints the key with which it can
 * be sent again.
 *
 * @throws Failure of `send`, with the key if the request may still take effect
 */
export async function underKey<T>({ terminal }: Session, key: string, send: () => Promise<T>): Promise<T> {
  try {
    return await withLastStep(send, () =>
      terminal.complain(`interrupted: it may still take effect; to try again, add --key ${key}`),
    );
  } catch (error) {
    const mayTakeEffect: readonly number[] = [exitCodes.unavailable, exitCodes.unexpected];
    if (!(error instanceof Failure) || !mayTakeEffect.includes(error.exitCode)) throw error;
    const message = `${error.details.message.replace(/\.$/, '')}; to try again, add --key ${key}`;
    throw new Failure(error.exitCode, { ...error.details, message });
  }
}

/**
 * The header that names the actor of a request; none if a key identifies the actor.
 *
 * @throws Failure if an actor is given together with a key, or is not allowed
 */
export async function actorHeader(
  session: Session,
  options: CommonOptions & { readonly actor?: string },
): Promise<Headers> {
  if (apiKeyOf(session, options) !== undefined) {
    refuseActor(options);
    return {};
  }
  const { actor = `cli:${userName()}` } = options;
  await checkKeys({ actor });
  return { 'x-actor': actor };
}

/**
 * Checks that no actor is given. Called if there is a key, because a key identifies the actor.
 *
 * @throws Failure if an actor is given
 */
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
  await checkKeys({ key, actor, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) });
  const hasTemporalPrefix = /^temporal:/i.test(actor);
  if (isReserved(actor) && !hasTemporalPrefix)
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
