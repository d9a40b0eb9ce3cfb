import type { Refusal, StoredEvent } from '../entity.js';

/** Search attributes, all keywords, registered by set-up. */
export const searchAttributes = { status: 'OrderStatus', customer: 'CustomerId' } as const;
/** Their names. */
export const SEARCH_ATTRIBUTES: readonly string[] = Object.values(searchAttributes);

/** Query: the state as the workflow has it (`EntityState`). */
export const stateQuery = 'state';

/**
 * A command or a fact on its way to an entity: an update of the command's name if the caller wants an answer, otherwise a
 * signal of the command's or the fact's name.
 */
export interface Message<D = unknown> {
  readonly data: D;
  /** who issued it and under which key (`commandIdOf`); before issuers were kept, the key alone */
  readonly commandId: string;
  /** of the body: the same key with another body is another command, and refused */
  readonly hash: string;
  readonly correlationId: string;
  readonly actor: string;
  /** judged against this version only (`If-Match`) */
  readonly expectedVersion?: number;
  /** another one for each try: an answer with a different one is an earlier answer */
  readonly requestId: string;
  /** the journal up to this version, which it holds without a gap, has no such command (see `ContinuedEntity.memoryFrom`) */
  readonly absentUpTo?: number;
}

/** Anybody with access to Temporal can send a signal: what it carries may be anything. */
export function isMessage(message: unknown): message is Message {
  return (
    typeof message === 'object' &&
    message !== null &&
    ['commandId', 'hash', 'correlationId', 'actor'].every(
      (key) => typeof Reflect.get(message, key) === 'string',
    ) &&
    typeof Reflect.get(message, 'data') === 'object'
  );
}

/** Id of an update, and `causationId` of the events a command led to. */
export function messageId({ commandId, hash }: Pick<Message, 'commandId' | 'hash'>): string {
  return `${commandId}.${hash}`;
}

/** `Entity.told` may add more. */
export interface Answer {
  readonly orderId: string;
  readonly version: number;
  readonly status: string;
  readonly events: readonly { readonly version: number; readonly type: string }[];
  /** of the message that was decided on */
  readonly requestId: string;
}

/** Code of a refusal that passes in a moment: earlier signals wait until the journal has told whether they are repetitions. */
export const messagesWaiting = 'messages_waiting';

/** Why an update was refused: the `details[0]` of an `ApplicationFailure` whose `type` is the code. */
export interface RefusedUpdate {
  readonly refusal: Omit<Refusal, 'kind'> & {
    readonly kind: Refusal['kind'] | 'key_reused' | 'stale_version' | 'halted' | 'busy' | 'memory_from';
  };
  /** with `memory_from`: the workflow no longer remembers all commands that led to its events up to this version */
  readonly memoryFrom?: number;
  readonly version: number;
  readonly status: string;
  readonly allowedCommands: readonly string[];
}

/** What starts an entity's workflow. `C`: the data of the command that creates it. */
export interface NewEntity<C = unknown> {
  readonly orderId: string;
  readonly create: Message<C>;
  /** what came to an earlier run that ended before it decided anything */
  readonly messages?: readonly Signal[];
  /** continue as new beyond this many history events, rather than when the server suggests it (tests) */
  readonly continueAsNewAfter?: number;
}

/** What the next run of an entity's workflow goes on with. */
export interface ContinuedEntity<S> extends Omit<NewEntity, 'create'> {
  /** the state at version n; effects issued and not settled are owed in it. The name is persisted. */
  readonly order: S;
  /** as they were decided, by an earlier version of this code perhaps: they are passed on as they are */
  readonly unrecorded: readonly StoredEvent[];
  readonly remembered: readonly Remembered[];
  /**
   * All commands that led to events beyond this version are in `remembered`; those before are in the journal, which holds
   * every event up to it. Absent in what an older version of this code handed on.
   */
  readonly memoryFrom?: number;
  /** facts that came while as many as fit were waiting; absent for none */
  readonly crowded?: readonly Signal[];
  readonly halted?: Halt;
}

/** A signal as it came. */
export interface Signal {
  readonly name: string;
  readonly message: Message;
}

/** What starts an entity's workflow anew if it ended too early, or was put back: the journal has the rest. */
export interface ResumedEntity<S> extends Omit<NewEntity, 'create'> {
  readonly resume: ResumeRequest;
  /** what earlier runs have taken over already, up to the version of its state */
  readonly taken?: Pick<ContinuedEntity<S>, 'order' | 'remembered'> & { readonly memoryFrom: number };
}

export interface ResumeRequest extends Pick<Message, 'commandId' | 'hash' | 'correlationId' | 'actor'> {
  /** for people */
  readonly reason: string;
  /** the run that ended, or was rewound; absent if Temporal has none */
  readonly previousRunId?: string;
  /** what came to earlier runs and is not in the journal, in its order: judged again, as signals */
  readonly messages: readonly Signal[];
  /** what came while an earlier run took the entity over; absent for nothing */
  readonly arrived?: readonly Signal[];
}

/** The activities of a run that is resumed, before it takes any message. Their inputs are no steps: they carry no `events`. */
export interface ResumptionActivities {
  /** The events that follow version `after` in the journal, as many as fit in one answer; none at the end of the log. */
  loadLog: (asked: { readonly orderId: string; readonly after: number }) => Promise<readonly StoredEvent[]>;
  /** Writes `OrderResumed` as the next event of the log: false if another event has come before it. */
  claimResumption: (asked: { readonly resumption: StoredEvent }) => Promise<boolean>;
}

/** Failure type of a step of a run that another has replaced: the journal has its `OrderResumed`. Never retried. */
export const superseded = 'Superseded';

/**
 * How many answered commands a workflow remembers at least; the journal has the earlier ones. Temporal itself knows the update
 * ids of one run only.
 */
export const rememberedCommands = 500;

/** A command that was answered, oldest first. */
export interface Remembered {
  readonly commandId: string;
  /** of its body; absent if the journal does not tell: then it is taken for that of any message with this id */
  readonly hash?: string;
  readonly answer: Answer;
}

/** Why an entity stopped for good: its journal holds another event under a version of its own (`EventFork`). */
export interface Halt {
  readonly code: string;
  readonly message: string;
}

/** Answer to `stateQuery`. */
export interface EntityState<S> {
  readonly order: S;
  readonly unrecorded: number;
  readonly halted?: Halt;
}

/** What the workflow returns when it ends. */
export interface EntityEnd {
  readonly orderId: string;
  readonly status: string;
  readonly version: number;
}

/**
 * Input of every activity, one activity per step: record the events, then perform the effect if there is one. The `events`
 * of all steps, in history order, are the entity's log.
 */
export interface EntityStep<F = unknown> {
  readonly events: readonly StoredEvent[];
  /** version of the last resumption in the run's log; absent if there is none. The journal must have none that is later. */
  readonly resumption?: number;
  readonly effect?: F;
}

/** A step that looks for commands which the workflow no longer remembers. */
export interface RecallStep {
  /** none: what is looked for is recorded already */
  readonly events: readonly StoredEvent[];
  readonly orderId: string;
  readonly commandIds: readonly string[];
  /** in the journal up to this version */
  readonly upTo: number;
}

/** The activities of every entity. An effect is an activity of its own type's name, and answers with its outcome. */
export interface LogActivities {
  record: (step: EntityStep) => Promise<void>;
  /** @returns those of the commands that the journal has */
  recall: (step: RecallStep) => Promise<readonly Remembered[]>;
}

/** Failure type of an activity that found another event under the same version. Never retried. */
export const eventFork = 'EventFork';
