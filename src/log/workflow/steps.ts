import type { State, StoredEvent } from '../entity.js';
import type { Remembered } from './answer.js';

/**
 * The input of a step's activity, which records the events, and then performs the effect if there
 * is one. The `events` of all steps, in history order, are the entity's log.
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

/** The input of a step: its events, and the version of the last resumption that `state` has. */
export function stepOf(events: readonly StoredEvent[], state: State | undefined): EntityStep {
  const resumption = state?.resumed?.version;
  return { events, ...(resumption !== undefined && { resumption }) };
}

/** The input of `recall`: it looks in the journal for commands that the workflow has forgotten. */
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
  /** @returns the commands that the journal has, with their answers */
  recall: (step: RecallStep) => Promise<readonly Remembered[]>;
}

/**
 * Activities of a resumed run before it handles messages. Their inputs have no `events`, so they
 * add nothing to the log.
 */
export interface ResumptionActivities {
  /**
   * The events of the journal that follow version `after`, as many as fit in one answer; none at
   * the end of the log.
   */
  loadLog: (asked: { readonly orderId: string; readonly after: number }) => Promise<readonly StoredEvent[]>;
  /**
   * Writes the resumption to the journal as the next event: false if the journal has another event
   * of that version.
   */
  claimResumption: (asked: { readonly resumption: StoredEvent }) => Promise<boolean>;
}

/** Type of the failure by which an activity reports a fork. Never retried. */
export const eventFork = 'EventFork';

/**
 * Failure type of a step whose run was replaced: the journal has the resumption of a later run.
 * Never retried.
 */
export const superseded = 'Superseded';
