import type { Decision, Refusal } from './decision.js';
import type { Effect } from './effect.js';
import type { Draft, Envelope, StoredEvent } from './event.js';
import type { Facts } from './facts.js';

export { type Decision, type Refusal, refuse, type Refused } from './decision.js';
export { type Effect, effectKey, orderIdInKey, versionInKey } from './effect.js';
export { type Cause, type Draft, type Envelope, NewerEvent, type StoredEvent } from './event.js';
export type { FactJudgement, Facts, FittingFact } from './facts.js';

/**
 * A kind of entity, such as the order: its decider, and its effects. All functions are pure. This
 * is all that its workflow needs. `EntityLog` (`entity-log/entity-log.ts`) adds what journal, feed
 * and views need, such as the names of collections.
 */
export interface Entity<S extends State, D extends Draft, F extends Effect> extends Decider<S, D> {
  /** the effects that are owed; each stays in the list, under its key, until it is settled */
  readonly effects: (state: S) => readonly F[];
  readonly settle: (state: S, effect: F, outcome: unknown, now: string) => readonly D[];
  /** the actor of the events that record an effect's outcome */
  readonly performer: (effect: F) => string;
  /** an effect in a few words, for its activity's row in the Web UI */
  readonly summary: (effect: F) => string;
}

/**
 * Members for an entity that has no effects, no consequences, no deadlines, no older versions of
 * its events, and no further fields in its answers.
 */
export const withoutEffects = {
  schemaVersions: {},
  consequence: () => undefined,
  effects: () => [],
  settle: () => [],
  performer: ({ type }: Effect) => type,
  summary: ({ type }: Effect) => type,
  nextDeadline: () => undefined,
  expire: () => [],
  answerFields: () => ({}),
} satisfies Partial<Entity<State, Draft, Effect>>;

/** What an entity is without its effects: decide, evolve, facts, deadlines, and how it is shown. */
export interface Decider<S extends State, D extends Draft> {
  /** the workflow type; the id of an entity's workflow is `<name>-<id>` */
  readonly name: string;
  /** the command that creates an entity: the only one that is decided without a state */
  readonly creation: string;
  /** all other commands; each is the name of an update and of a signal */
  readonly commands: readonly string[];
  /** the schema version in which each event type is written; 1 for a type that is absent */
  readonly schemaVersions: Readonly<Partial<Record<D['type'], number>>>;
  /** the event in its current shape, with its envelope; throws `NewerEvent` or another TypeError */
  readonly upcast: (stored: StoredEvent) => D & Envelope;

  // --- decisions. `now` is ISO-8601 UTC, the workflow's clock ---
  readonly decide: (state: S | undefined, type: string, data: unknown, now: string) => Decision<D>;
  readonly evolve: (state: S | undefined, event: D & Envelope) => S;
  /** the next event that follows from state and time alone; undefined if there is none */
  readonly consequence: (state: S, now: string) => D | undefined;
  /**
   * the events that record a refused command whose sender gets no answer; empty if the log has
   * enough of them already, so that refusals cannot make the log grow without bound
   */
  readonly rejection: (state: S, command: string, refusal: Pick<Refusal, 'code' | 'message'>) => readonly D[];
  /** absent if there are no facts about such an entity */
  readonly facts?: Facts<S, D>;
  /** the command that a cancellation of the workflow in Temporal stands for */
  readonly cancel: (state: S) => {
    readonly type: string;
    readonly data: object;
    /**
     * whether the command's id names an issuer; false only for entities whose stored histories have
     * ids without one
     */
    readonly hasIssuer: boolean;
  };

  // --- time ---
  readonly nextDeadline: (state: S) => Deadline | undefined;
  /** the events of deadlines that have passed at `now` */
  readonly expire: (state: S, now: string) => readonly D[];
  /** whether the entity has ended and owes no effect, so that its workflow completes */
  readonly isFinished: (state: S) => boolean;
  /** the first event of a run that takes the entity over from the journal */
  readonly resumption: (data: { readonly reason: string; readonly previousRunId?: string }) => D;

  // --- how people see it ---
  readonly allowed: (state: S) => { readonly allowedCommands: readonly string[] };
  /** what an answer has in addition to version, status and event types */
  readonly answerFields: (events: readonly (D & Envelope)[]) => object;
  /** Markdown, for the workflow's details in the Web UI */
  readonly details: (state: S) => string;
  /** search attributes of the workflow, besides its status; absent if there are none */
  readonly listing?: (state: S) => readonly Attribute[];
}

/** A time at which an entity changes without a message. */
export interface Deadline {
  readonly name: string;
  /** ISO-8601 UTC */
  readonly at: string;
}

/** A search attribute of a workflow, by which Temporal's list finds it. */
export interface Attribute {
  readonly name: string;
  readonly value: string | boolean | number;
  /** true if a change is upserted immediately; false if it waits for the next upsert */
  readonly atOnce: boolean;
}

/** Fields of every entity's state. */
export interface State {
  /** the entity's id; the name is persisted */
  readonly orderId: string;
  /** version of the last event in the state */
  readonly version: number;
  readonly status: string;
  /** time of the last event, ISO-8601 UTC */
  readonly updatedAt: string;
  /** the last resumption; absent if there was none */
  readonly resumed?: { readonly version: number };
}
