import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { type Execution, type HistoryEvent, historyEvents, type ReadOptions } from './history-events.js';

/** The history of one run; it has at least one event. */
export interface RunHistory {
  readonly first: HistoryEvent;
  readonly last: HistoryEvent;
  readonly events: readonly HistoryEvent[];
}

/**
 * A run and the runs that it was continued from, latest first, as far as Temporal keeps them. The
 * runs before a workflow was started again are not linked to the later ones, so they are not found.
 *
 * @param latest the run to begin with; the workflow's latest if it has no run id
 */
export async function* runsOf(
  client: Client,
  latest: Execution,
  options?: ReadOptions,
): AsyncGenerator<RunHistory, void> {
  let runId = latest.runId ?? '';
  do {
    const events: HistoryEvent[] = [];
    for await (const event of historyEvents(client, { ...latest, runId }, options)) events.push(event);
    const [first] = events;
    const last = events.at(-1);
    if (first === undefined || last === undefined) return;
    yield { first, last, events };
    runId = first.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
  } while (runId !== '');
}

/** Temporal's description of the latest run of a workflow; undefined if it knows none. */
export async function describeLatest(
  client: Client,
  workflowId: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

export type Payloads = readonly temporal.api.common.v1.IPayload[] | null | undefined;

/**
 * Uses the client's data converter, so encrypted or compressed payloads can be read. The public
 * part of the SDK has no function for this.
 */
export async function decoded(client: Client, payloads: Payloads): Promise<readonly unknown[]> {
  return await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads && [...payloads]);
}

/** The start argument of a run, decoded; undefined if it has none. */
export async function startArgument(client: Client, { first }: Pick<RunHistory, 'first'>): Promise<unknown> {
  const [argument] = await decoded(client, first.workflowExecutionStartedEventAttributes?.input?.payloads);
  return argument;
}

/** Temporal's status of a run, in words. */
export function statusInWords(status: string): string {
  return status.toLowerCase().replaceAll('_', ' ');
}
