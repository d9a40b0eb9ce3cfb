import type { Deadline, Decision, Effect, Refusal, Refused } from './decision.js';
import type { Cause, Draft, Envelope, StoredEvent } from './event.js';

export type { Deadline, Decision, Effect, Refusal, Refused } from './decision.js';
export type { Cause, Draft, Envelope, StoredEvent } from './event.js';

/**
 * What the log knows of the things it keeps: one entity, such as an order, is a decider (decide,
 * evolve) with effects, facts and deadlines. Everything in it is pure. It is all that ties `log/`
 * to what it is used for.
 */
export interface Entity<S extends State, D extends Draft, F extends Effect> {
  /** the workflow's type; the workflow of one entity has the id `<name>-<id>` */
  readonly name: string;
  /** the command that creates one */
  readonly creation: string;
  /** all other commands: each is an update and a signal of its name */
  readonly commands: readonly string[];
  /** in which version each event type is written */
  readonly schemaVersions: Readonly<Record<D['type'], number>>;
  /** an event of any version in the shape of today; throws TypeError if that is not possible */
  readonly upcast: (stored: StoredEvent) => D & Envelope;

  // --- decisions. `now` is ISO-8601 UTC, the workflow's clock ---
  readonly decide: (state: S | undefined, type: string, data: unknown, now: string) => Decision<D>;
  readonly evolve: (state: S | undefined, event: D & Envelope) => S;
  /** the next event that follows from the state by itself */
  readonly consequence: (state: S, now: string) => D | undefined;
  /**
   * what the log says of a refused command whose caller waits for no answer; nothing if it need not
   * say it again
   */
  readonly rejection: (state: S, command: string, refusal: Pick<Refusal, 'code' | 'message'>) => readonly D[];
  /** absent if the outside world tells it nothing */
  readonly facts?: Facts<S, D>;
  /** what a cancellation of the workflow, asked for in Temporal, means */
  readonly cancel: (state: S) => {
    readonly type: string;
    readonly data: object;
    readonly hasIssuer: boolean;
  };

  // --- the world ---
  /** what is owed, each under its key until it is settled */
  readonly effects: (state: S) => readonly F[];
  readonly settle: (state: S, effect: F, outcome: unknown, now: string) => readonly D[];
  /** who performs an effect: the actor of its outcome */
  readonly performer: (effect: F) => string;

  // --- time ---
  readonly nextDeadline: (state: S) => Deadline | undefined;
  /** what has passed at `now` */
  readonly expire: (state: S, now: string) => readonly D[];
  /** nothing will ever happen to it again */
  readonly isFinished: (state: S) => boolean;
  /** the first event of a run that takes the entity over from the journal */
  readonly resumption: (data: { readonly reason: string; readonly previousRunId?: string }) => D;

  // --- how people see it ---
  readonly allowed: (state: S) => { readonly allowedCommands: readonly string[] };
  /** what an answer tells beside version, status and event types */
  readonly told: (events: readonly (D & Envelope)[]) => object;
  /** an effect in a few words, for its activity's row in the Web UI */
  readonly summary: (effect: F) => string;
  /** Markdown, for the workflow's details in the Web UI */
  readonly details: (state: S) => string;
}

/** What every state has. */
export interface State {
  /** the entity's id; the name is persisted */
  readonly orderId: string;
  /** of the last event folded in */
  readonly version: number;
  readonly status: string;
  /** its last resumption; absent if there was none */
  readonly resumed?: { readonly version: number };
}

/**
 * What the outside world says has happened. It cannot be refused: if it does not fit yet, it waits
 * in the log.
 */
export interface Facts<S, D> {
  /** each is a signal of its name */
  readonly types: readonly string[];
  readonly judge: (state: S, type: string, data: unknown, now: string) => FactJudgement<D> | Refused;
  /** the event of a fact that does not fit yet */
  readonly received: (type: string, data: unknown, reason: string) => D;
  /** a fact of this command id waits already */
  readonly isWaiting: (state: S, commandId: string) => boolean;
  readonly hasRoom: (state: S) => boolean;
  /** the first waiting fact that fits now */
  readonly fitting: (state: S, now: string) => FittingFact<D> | undefined;
  /** as facts without an issuer were judged before they could wait; undefined if it is ignored */
  readonly judgeWithoutIssuer?: (
    ...fact: Parameters<Facts<S, D>['judge']>
  ) => FactJudgement<D> | Refused | undefined;
}

/**
 * `settles`: the key of the owed effect that the fact answers. `holds`: the state says so already.
 */
export type FactJudgement<D> =
  | { readonly kind: 'applies'; readonly events: readonly D[]; readonly settles?: string }
  | { readonly kind: 'holds' }
  | { readonly kind: 'waits'; readonly reason: string };

/** `fact`: as it was received. */
export interface FittingFact<D> {
  readonly fact: Pick<Cause, 'commandId' | 'causationId'>;
  readonly events: readonly D[];
  readonly cause: Cause;
}
