import type { Deadline, Decision, Effect, Refusal, Refused } from './decision.js';
import type { Cause, Draft, Envelope, StoredEvent } from './event.js';

export { versionOf } from './decision.js';
export type { Deadline, Decision, Effect, Refusal, Refused } from './decision.js';
export type { Cause, Draft, Envelope, StoredEvent } from './event.js';

/**
 * A kind of entity, such as the order: its decider (decide, evolve), effects, facts and deadlines.
 * All functions are pure. This is the only interface between `log/` and what is kept in it.
 */
export interface Entity<S extends State, D extends Draft, F extends Effect> {
  /** the workflow type; the id of an entity's workflow is `<name>-<id>` */
  readonly name: string;
  /** the command that creates an entity */
  readonly creation: string;
  /** all other commands; each is an update and a signal of this name */
  readonly commands: readonly string[];
  /** the schema version in which each event type is written */
  readonly schemaVersions: Readonly<Record<D['type'], number>>;
  /**
   * turns an event of any schema version into today's shape; throws TypeError if that is not
   * possible
   */
  readonly upcast: (stored: StoredEvent) => D & Envelope;

  // --- decisions. `now` is ISO-8601 UTC, the workflow's clock ---
  readonly decide: (state: S | undefined, type: string, data: unknown, now: string) => Decision<D>;
  readonly evolve: (state: S | undefined, event: D & Envelope) => S;
  /** the next event that follows from the state alone; undefined if there is none */
  readonly consequence: (state: S, now: string) => D | undefined;
  /**
   * the events that record a refused command whose sender gets no answer; none if the log has the
   * same refusal already
   */
  readonly rejection: (state: S, command: string, refusal: Pick<Refusal, 'code' | 'message'>) => readonly D[];
  /** absent if there are no facts about such an entity */
  readonly facts?: Facts<S, D>;
  /** the command that a cancellation of the workflow in Temporal stands for */
  readonly cancel: (state: S) => {
    readonly type: string;
    readonly data: object;
    readonly hasIssuer: boolean;
  };

  // --- the world ---
  /** the effects that are owed; each stays in the list, under its key, until it is settled */
  readonly effects: (state: S) => readonly F[];
  readonly settle: (state: S, effect: F, outcome: unknown, now: string) => readonly D[];
  /** the actor of an effect's outcome */
  readonly performer: (effect: F) => string;

  // --- time ---
  readonly nextDeadline: (state: S) => Deadline | undefined;
  /** the events of deadlines that have passed at `now` */
  readonly expire: (state: S, now: string) => readonly D[];
  /** whether the entity has ended: no more events follow */
  readonly isFinished: (state: S) => boolean;
  /** the first event of a run that takes the entity over from the journal */
  readonly resumption: (data: { readonly reason: string; readonly previousRunId?: string }) => D;

  // --- how people see it ---
  readonly allowed: (state: S) => { readonly allowedCommands: readonly string[] };
  /** what an answer has in addition to version, status and event types */
  readonly told: (events: readonly (D & Envelope)[]) => object;
  /** an effect in a few words, for its activity's row in the Web UI */
  readonly summary: (effect: F) => string;
  /** Markdown, for the workflow's details in the Web UI */
  readonly details: (state: S) => string;
}

/** Fields of every entity's state. */
export interface State {
  /** the entity's id; the name is persisted */
  readonly orderId: string;
  /** version of the last event in the state */
  readonly version: number;
  readonly status: string;
  /** the last resumption; absent if there was none */
  readonly resumed?: { readonly version: number };
}

/**
 * What an outside system reports, such as a delivery. A fact cannot be refused: if it does not fit
 * yet, it waits in the log.
 */
export interface Facts<S, D> {
  /** each is a signal of this name */
  readonly types: readonly string[];
  readonly judge: (state: S, type: string, data: unknown, now: string) => FactJudgement<D> | Refused;
  /** the event that stores a fact which does not fit yet */
  readonly received: (type: string, data: unknown, reason: string) => D;
  /** whether a fact with this command id is waiting */
  readonly isWaiting: (state: S, commandId: string) => boolean;
  readonly hasRoom: (state: S) => boolean;
  /** the first waiting fact that fits now; undefined if there is none */
  readonly fitting: (state: S, now: string) => FittingFact<D> | undefined;
  /**
   * judges facts without an issuer, of an early version of this code; undefined if the fact is
   * ignored
   */
  readonly judgeWithoutIssuer?: (
    ...fact: Parameters<Facts<S, D>['judge']>
  ) => FactJudgement<D> | Refused | undefined;
}

/** `settles`: the key of the effect that the fact settles. `holds`: the state has it already. */
export type FactJudgement<D> =
  | { readonly kind: 'applies'; readonly events: readonly D[]; readonly settles?: string }
  | { readonly kind: 'holds' }
  | { readonly kind: 'waits'; readonly reason: string };

/** A waiting fact that fits now. `fact`: the ids with which it was received. */
export interface FittingFact<D> {
  readonly fact: Pick<Cause, 'commandId' | 'causationId'>;
  readonly events: readonly D[];
  readonly cause: Cause;
}
