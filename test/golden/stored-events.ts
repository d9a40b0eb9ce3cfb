import type { ContinuedOrder, NewOrder, ResumedOrder, Step } from '../../src/order-log.js';
import type { StoredEvent } from '../../src/order/events.js';
import { storedHistories } from '../replay/histories.js';

/** A run of an order that an earlier version of this code left in Temporal. */
export interface StoredRun {
  readonly start: NewOrder | ContinuedOrder | ResumedOrder;
  /** the events in the inputs of its activities, as they were written */
  readonly events: readonly StoredEvent[];
}

/** The runs in `test/replay/histories`, by file name. */
export async function storedRuns(): Promise<ReadonlyMap<string, StoredRun>> {
  return new Map([...(await storedHistories())].map(([name, history]) => [name, readRun(history)]));
}

interface History {
  readonly events: readonly {
    readonly workflowExecutionStartedEventAttributes?: WithInput;
    readonly activityTaskScheduledEventAttributes?: WithInput;
  }[];
}

interface WithInput {
  readonly input: { readonly payloads: readonly { readonly data: string }[] };
}

function readRun(history: unknown): StoredRun {
  // The files have the format of `historyToJSON`.
  const { events } = history as History;
  const starts = events.flatMap((event) => inputOf(event.workflowExecutionStartedEventAttributes));
  const steps = events.flatMap((event) => inputOf(event.activityTaskScheduledEventAttributes));
  return {
    start: starts[0] as StoredRun['start'],
    events: steps.flatMap((step) => (step as Partial<Step>).events ?? []),
  };
}

function inputOf(attributes: WithInput | undefined): readonly unknown[] {
  return (attributes?.input.payloads ?? []).map(({ data }) =>
    JSON.parse(Buffer.from(data, 'base64').toString()),
  );
}
