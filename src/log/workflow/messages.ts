import type { Cause, Refusal, StoredEvent } from '../entity.js';

/** Names of search attributes that the log itself reads or sets. */
export const searchAttributes = {
  status: 'OrderStatus',
  customer: 'CustomerId',
  /** an attribute of the entity's `listing`; also true while the entity is halted */
  attention: 'NeedsAttention',
} as const;

/** Name of the query for the workflow's state (`EntityState`). */
export const stateQuery = 'state';
/** Name of the query for what a command would do (`PreviewRequest`, `EntityPreview`). */
export const previewQuery = 'preview';

/**
 * A command or a fact on its way to an entity. If the caller wants an answer, it is an update with
 * the command's name, otherwise a signal with the name of the command or fact.
 */
export interface Message<D = unknown> {
  readonly data: D;
  /**
   * its issuer and key (`commandIdOf`); the key alone in messages of an early version of this code
   */
  readonly commandId: string;
  /** the hash of the body: another body under the same key is refused */
  readonly hash: string;
  readonly correlationId: string;
  readonly actor: string;
  /** for whom the actor sends it; no part of the command's id or hash */
  readonly onBehalfOf?: string;
  /** the id of the trace it belongs to (`Cause.traceId`); no part of the command's id or hash */
  readonly traceId?: string;
  /** refused unless the entity is at this version (`If-Match`) */
  readonly expectedVersion?: number;
  /** new for each try; an answer with another request id was made for an earlier try */
  readonly requestId: string;
  /**
   * the caller has found that the journal has no such command up to this version, and no gap (see
   * `ContinuedEntity.memoryFrom`)
   */
  readonly absentUpTo?: number;
}

/**
 * Checks a signal's payload, which may be anything: anyone with access to Temporal can send a
 * signal.
 */
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
  /** the request id of the message that was decided on */
  readonly requestId: string;
}

/**
 * Code of a short-lived refusal: earlier signals wait until the journal says whether they are
 * repetitions. The caller tries again.
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

/** What starts an entity's workflow. `C`: the data of the command that creates it. */
export interface NewEntity<C = unknown> {
  readonly orderId: string;
  readonly create: Message<C>;
  /** signals to an earlier run that ended before it decided anything */
  readonly messages?: readonly Signal[];
  /**
   * for tests: continue as new after this many history events, even if the server does not suggest
   * it yet
   */
  readonly continueAsNewAfter?: number;
}

/** What a run hands to the next when it continues as new. */
export interface ContinuedEntity<S> extends Omit<NewEntity, 'create'> {
  /** the entity's state, with the effects that are not settled. The name is persisted. */
  readonly order: S;
  /**
   * events that are not in the journal yet, as they were decided, perhaps by an earlier version of
   * this code
   */
  readonly unrecorded: readonly StoredEvent[];
  readonly remembered: readonly Remembered[];
  /**
   * Commands that led to events after this version are in `remembered`. Earlier ones are in the
   * journal, which has every event up to this version. Absent if an older version of this code
   * handed the entity on.
   */
  readonly memoryFrom?: number;
  /**
   * facts that came while the log had no room for more waiting facts, deferred by the inbox; absent
   * if there are none; the name is persisted
   */
  readonly crowded?: readonly Signal[];
  readonly halted?: Halt;
}

/** A signal as it was received. */
export interface Signal {
  readonly name: string;
  readonly message: Message;
}

/**
 * What starts a workflow that takes its entity over from the journal, because the earlier workflow
 * ended too early, or Temporal was restored from a backup.
 */
export interface ResumedEntity<S> extends Omit<NewEntity, 'create'> {
  readonly resume: ResumeRequest;
  /** what earlier runs of this resumption have loaded from the journal so far */
  readonly taken?: Pick<ContinuedEntity<S>, 'order' | 'remembered'> & { readonly memoryFrom: number };
}

export interface ResumeRequest extends Pick<
  Message,
  'commandId' | 'hash' | 'correlationId' | 'actor' | 'onBehalfOf'
> {
  /** for a person who reads the log */
  readonly reason: string;
  /** the run that this one replaces; absent if Temporal has none */
  readonly previousRunId?: string;
  /**
   * messages to earlier runs that are not in the journal, in the order they came: judged again, as
   * signals
   */
  readonly messages: readonly Signal[];
  /**
   * signals that came while earlier runs of this resumption loaded the log; absent if there were
   * none
   */
  readonly arrived?: readonly Signal[];
}

/**
 * Activities of a resumed run before it handles messages. Their inputs have no `events`, so they
 * add nothing to the log.
 */
export interface ResumptionActivities {
  /**
   * The events after version `after` in the journal, as many as fit in one answer; none at the end
   * of the log.
   */
  loadLog: (asked: { readonly orderId: string; readonly after: number }) => Promise<readonly StoredEvent[]>;
  /**
   * Writes the resumption to the journal as the next event: false if the journal has another event
   * of that version.
   */
  claimResumption: (asked: { readonly resumption: StoredEvent }) => Promise<boolean>;
}

/**
 * Failure type of a step whose run was replaced: the journal has the resumption of a later run.
 * Never retried.
 */
export const superseded = 'Superseded';

/**
 * A workflow remembers at least this many answered commands; the journal has the earlier ones.
 * Temporal itself knows only the update ids of the current run.
 */
export const rememberedCommands = 500;

/** A command that was answered. */
export interface Remembered {
  readonly commandId: string;
  /**
   * the hash of its body; absent if the journal does not have it: then any body counts as the same
   */
  readonly hash?: string;
  readonly answer: Answer;
}

/**
 * Why an entity is halted: the journal has a different event under one of its versions
 * (`EventFork`).
 */
export interface Halt {
  readonly code: string;
  readonly message: string;
}

/** The answer to `stateQuery`. */
export interface EntityState<S> {
  readonly order: S;
  readonly unrecorded: number;
  readonly halted?: Halt;
}

/** The argument of `previewQuery`. */
export interface PreviewRequest {
  /** the type of the command */
  readonly type: string;
  readonly message: Message;
  /** ISO-8601 UTC: a query runs at the time of the last workflow task, which may be long ago */
  readonly at: string;
}

/** The answer to `previewQuery`: why the command would be refused, or what it would do. */
export type EntityPreview<S> =
  | { readonly refused: RefusedUpdate }
  | {
      /** before the command */
      readonly order: S;
      readonly events: readonly StoredEvent[];
      /** the entity had the command before, so it would do nothing */
      readonly replayed: boolean;
    };

/** What the workflow returns when it ends. */
export interface EntityEnd {
  readonly orderId: string;
  readonly status: string;
  readonly version: number;
}

/**
 * Input of every activity, one activity per step: record the events, then perform the effect if
 * there is one. The `events` of all steps, in history order, are the entity's log.
 */
export interface EntityStep<F = unknown> {
  readonly events: readonly StoredEvent[];
  /**
   * version of the last resumption in the run's log; absent if there is none. If the journal has a
   * later one, the step fails.
   */
  readonly resumption?: number;
  readonly effect?: F;
}

/** Looks in the journal for commands that the workflow no longer remembers. */
export interface RecallStep {
  /** empty: nothing is recorded by this step */
  readonly events: readonly StoredEvent[];
  readonly orderId: string;
  readonly commandIds: readonly string[];
  /** the search ends at this version */
  readonly upTo: number;
}

/**
 * The activities of every entity. Each effect has an activity named after its type, which returns
 * the outcome.
 */
export interface LogActivities {
  record: (step: EntityStep) => Promise<void>;
  /** @returns those of the commands that the journal has */
  recall: (step: RecallStep) => Promise<readonly Remembered[]>;
}

/**
 * Failure type of an activity that found a different event under the same version. Never retried.
 */
export const eventFork = 'EventFork';
