import type { StoredEvent } from '../../order/events.js';

/** What a process's workers were given to record and to do, and what of it is not done. */
export interface StepTally {
  /** Runs what records events of one order: until it succeeds, the events are decided and not known to be recorded. */
  recording(events: readonly StoredEvent[], record: () => Promise<void>): Promise<void>;
  /** Runs a try of an activity, and counts it if it fails. */
  tried<T>(activity: string, work: () => Promise<T>): Promise<T>;
  /** Events that are not known to be recorded, the first of each step. */
  unrecorded(): readonly UnrecordedEvent[];
  readonly failures: ReadonlyMap<string, number>;
}

export interface UnrecordedEvent {
  /** as the journal has it: `<orderId>:<version>` */
  readonly id: string;
  readonly orderId: string;
  /** ISO-8601 UTC */
  readonly occurredAt: string;
}

/** A step that fails comes again within seconds; one that stays away this long was given to another worker, or has an end. */
const FORGOTTEN_AFTER_MS = 15 * 60_000;

export function createStepTally(): StepTally {
  const open = new Map<string, UnrecordedEvent & { readonly givenAt: number }>();
  const failures = new Map<string, number>();
  return {
    failures,
    async recording([first], record) {
      const id = first && `${first.orderId}:${first.version}`;
      if (first !== undefined && id !== undefined) {
        const { orderId, occurredAt } = first;
        open.set(id, { id, orderId, occurredAt, givenAt: Date.now() });
      }
      await record();
      if (id !== undefined) open.delete(id);
    },
    async tried(activity, work) {
      try {
        return await work();
      } catch (error) {
        failures.set(activity, (failures.get(activity) ?? 0) + 1);
        throw error;
      }
    },
    unrecorded() {
      const since = Date.now() - FORGOTTEN_AFTER_MS;
      for (const [id, { givenAt }] of open) if (givenAt < since) open.delete(id);
      return [...open.values()];
    },
  };
}
