import type { Cause, Refusal, StoredEvent } from '../entity.js';

/**
 * A command or a fact on its way to an entity. If the caller wants an answer, it is an update with
 * the command's name, otherwise a signal with the name of the command or fact.
 */
export interface Message<D = unknown> {
  readonly data: D;
  /** its issuer and key (`commandIdOf`); an early version of this code sent the key alone */
  readonly commandId: string;
  /** the hash of the body: another body under the same key is refused */
  readonly hash: string;
  readonly correlationId: string;
  readonly actor: string;
  /** for whom the actor sends it; not part of the command's id or hash */
  readonly onBehalfOf?: string;
  /** the id of the trace it belongs to (`Cause.traceId`); not part of the command's id or hash */
  readonly traceId?: string;
  /** the message is refused unless the entity is at this version (`If-Match`) */
  readonly expectedVersion?: number;
  /** new for each try; an answer with another request id was made for an earlier try */
  readonly requestId: string;
  /**
   * up to this version, the journal was found to be without a gap and without this command (see
   * `ContinuedEntity.memoryFrom`)
   */
  readonly absentUpTo?: number;
}

/** Checks a signal's payload: anyone with access to Temporal can send a signal with anything. */
export function isMessage(message: unknown): message is Message {
  return (
    typeof message === 'object' &&
    message !== null &&
    ['commandId', 'hash', 'correlationId', 'actor'].every(
      (key) => typeof Reflect.get(message, key) === 'string',
    ) &&
    ['onBehalfOf', 'traceId'].every((key) =>
      ['string', 'undefined'].includes(typeof Reflect.get(message, key)),
    ) &&
    typeof Reflect.get(message, 'data') === 'object'
  );
}

/** The id of an update, and the `causationId` of the events that a command leads to. */
export function messageId({ commandId, hash }: Pick<Message, 'commandId' | 'hash'>): string {
  return `${commandId}.${hash}`;
}

/**
 * The hash of the message that led to an event. Undefined for the events of an outcome, of a
 * deadline, and of a fact that settled an effect: their cause is the effect or the deadline.
 */
export function hashIn({ commandId, causationId }: Pick<Cause, 'commandId' | 'causationId'>) {
  const prefix = `${commandId}.`;
  return causationId.startsWith(prefix) ? causationId.slice(prefix.length) : undefined;
}

/** The cause of the events that a message leads to. */
export function causeOf(
  message: Pick<Message, 'commandId' | 'hash' | 'correlationId' | 'actor' | 'onBehalfOf' | 'traceId'>,
  occurredAt: string,
  causationId = messageId(message),
): Cause {
  const { commandId, correlationId, actor, onBehalfOf, traceId } = message;
  return {
    occurredAt,
    commandId,
    correlationId,
    causationId,
    actor,
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    ...(traceId !== undefined && { traceId }),
  };
}

/** The answer to a command. `Entity.answerFields` may add fields. */
export interface Answer {
  readonly orderId: string;
  readonly version: number;
  readonly status: string;
  readonly events: readonly { readonly version: number; readonly type: string }[];
  /** the request id of the message that led to this answer; a repeated message has another one */
  readonly requestId: string;
}

/**
 * Code of a short-lived refusal: earlier signals wait for an answer from the journal, or the entity
 * is being resumed from the journal. The caller tries again.
 */
export const messagesWaiting = 'messages_waiting';

/**
 * Why an update was refused. It is `details[0]` of an `ApplicationFailure` whose `type` is the
 * refusal's code.
 */
export interface RefusedUpdate {
  readonly refusal: Omit<Refusal, 'kind'> & {
    readonly kind: Refusal['kind'] | 'key_reused' | 'stale_version' | 'halted' | 'busy' | 'memory_from';
  };
  /**
   * with `memory_from`: the workflow no longer remembers all commands that led to its events up to
   * this version
   */
  readonly memoryFrom?: number;
  readonly version: number;
  readonly status: string;
  readonly allowedCommands: readonly string[];
}

/** A signal as it was received. */
export interface Signal {
  readonly name: string;
  readonly message: Message;
}

/**
 * Why an entity is halted: workflow and journal have different events with the same version
 * (`EventFork`).
 */
export interface Halt {
  readonly code: string;
  readonly message: string;
}

/** Name of the query for the workflow's state (`EntityState`). */
export const stateQuery = 'state';

/** The answer to `stateQuery`. */
export interface EntityState<S> {
  readonly order: S;
  readonly unrecorded: number;
  readonly halted?: Halt;
}

/** Name of the query for what a command would do (`PreviewRequest`, `EntityPreview`). */
export const previewQuery = 'preview';

/** The argument of `previewQuery`. */
export interface PreviewRequest {
  /** the type of the command */
  readonly type: string;
  readonly message: Message;
  /**
   * ISO-8601 UTC, the time to judge the command at. In a query, the workflow's clock has the time
   * of the last workflow task, which may be long ago.
   */
  readonly at: string;
}

/** The answer to `previewQuery`: why the command would be refused, or what it would do. */
export type EntityPreview<S> =
  | { readonly refused: RefusedUpdate }
  | {
      /** the state before the command */
      readonly order: S;
      readonly events: readonly StoredEvent[];
      /** the entity had the command before, so it would do nothing */
      readonly replayed: boolean;
    };
