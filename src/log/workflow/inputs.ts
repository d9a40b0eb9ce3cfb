import type { StoredEvent } from '../entity.js';
import type { Remembered } from './answer.js';
import type { Halt, Message, Signal } from './messages.js';

/** The start argument of an entity's workflow, for its first run or a later one. */
export type RunInput<S> = NewEntity | ContinuedEntity<S> | ResumedEntity<S>;

/** The start argument for a new entity. `C`: the data of the command that creates it. */
export interface NewEntity<C = unknown> {
  readonly orderId: string;
  readonly create: Message<C>;
  /** signals to an earlier run that ended before it decided anything */
  readonly messages?: readonly Signal[];
  /**
   * for tests: the run continues as new when its history has more events than this, even if the
   * server does not suggest it yet
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
   * facts that came while the state had no room for more waiting facts; absent if there are none;
   * the name is persisted
   */
  readonly crowded?: readonly Signal[];
  readonly halted?: Halt;
}

/**
 * The start argument of a workflow that resumes its entity from the journal, because the earlier
 * workflow ended too early, or Temporal was restored from a backup.
 */
export interface ResumedEntity<S> extends Omit<NewEntity, 'create'> {
  readonly resume: ResumeRequest;
  /**
   * what earlier runs of this resumption have loaded from the journal so far; the name is persisted
   */
  readonly taken?: Pick<ContinuedEntity<S>, 'order' | 'remembered'> & { readonly memoryFrom: number };
}

export interface ResumeRequest extends Pick<
  Message,
  'commandId' | 'hash' | 'correlationId' | 'actor' | 'onBehalfOf'
> {
  /** for an operator who reads the log */
  readonly reason: string;
  /** the run that this one replaces; absent if Temporal has none */
  readonly previousRunId?: string;
  /** messages to earlier runs that the journal lacks, in order; this run judges them as signals */
  readonly messages: readonly Signal[];
  /** signals that came while earlier runs loaded the log; absent if there were none */
  readonly arrived?: readonly Signal[];
}

/** What the workflow returns when it ends. */
export interface EntityEnd {
  readonly orderId: string;
  readonly status: string;
  readonly version: number;
}
