import type { StoredEvent } from '../entity.js';
import { eventId } from '../event-id.js';

/**
 * Counts, for one process, the steps that its workers have not recorded yet and the attempts that
 * failed. `exposureGauges` reads it for the metrics of unrecorded orders and failed activities.
 */
export interface StepMetrics {
  /** Runs `record`; until it succeeds, the events count as unrecorded. */
  recording(events: readonly StoredEvent[], record: () => Promise<void>): Promise<void>;
  /** Runs one attempt of an activity, and counts it if it fails. */
  attempt<T>(activity: string, work: () => Promise<T>): Promise<T>;
  /** The first event of each step that is not known to be recorded. */
  unrecorded(): readonly UnrecordedEvent[];
  readonly failures: ReadonlyMap<string, number>;
}

export interface UnrecordedEvent {
  /** the event's id in the journal, `<orderId>:<version>` */
  readonly id: string;
  readonly orderId: string;
  /** ISO-8601 UTC */
  readonly occurredAt: string;
}

/**
 * A failed step is retried within seconds. If no retry comes for this long, another worker has the
 * step, or the workflow has ended.
 */
const FORGOTTEN_AFTER_MS = 15 * 60_000;

export function createStepMetrics(): StepMetrics {
  const open = new Map<string, UnrecordedEvent & { readonly givenAt: number }>();
  const failures = new Map<string, number>();
  return {
    failures,
    async recording([first], record) {
      if (first === undefined) return await record();
      const { orderId, occurredAt } = first;
      const id = eventId(first);
      open.set(id, { id, orderId, occurredAt, givenAt: Date.now() });
      await record();
      open.delete(id);
    },
    async attempt(activity, work) {
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
