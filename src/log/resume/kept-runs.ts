import type { Client } from '@temporalio/client';
import { type AnyLog, workflowIdOf } from '../entity-log/entity-log.js';
import type { HistoryEvent } from '../history/history-events.js';
import { decoded, describeLatest, runsOf, startArgument } from '../history/runs.js';
import type { RunInput } from '../workflow/inputs.js';
import type { EntityStep } from '../workflow/steps.js';
import { isMessage, type Signal } from '../workflow/messages.js';

/** What Temporal keeps of an entity's workflow runs, in addition to the entity's events. */
export interface KeptRuns {
  /** of the latest run */
  readonly runId: string;
  /** whether the latest run is running */
  readonly isRunning: boolean;
  /** start argument of the oldest kept run */
  readonly start: RunInput<unknown>;
  /** versions of the events whose step has completed, so they were in the journal at that time */
  readonly recorded: ReadonlySet<number>;
  /** all messages that the kept runs received or were started with, in the order of arrival */
  readonly messages: readonly Signal[];
}

/**
 * @returns undefined if Temporal has no workflow of the entity, or if its latest run has no start
 *   argument, so that it was not started by this system
 */
export async function readKeptRuns(
  log: AnyLog,
  client: Client,
  orderId: string,
): Promise<KeptRuns | undefined> {
  const id = workflowIdOf(log, orderId);
  const latest = await latestRun(client, id);
  if (latest === undefined) return undefined;
  const recorded = new Set<number>();
  const messages: Signal[] = [];
  let start: KeptRuns['start'] | undefined;
  for await (const run of runsOf(client, { workflowId: id, runId: latest.runId })) {
    const argument = await startArgument(client, run);
    // Another program has started this run.
    if (argument === undefined) break;
    // An entity's workflow is only ever started with a `RunInput`.
    start = argument as KeptRuns['start'];
    messages.unshift(...(await receivedIn(client, run.events)));
    for (const version of await recordedIn(client, run.events)) recorded.add(version);
  }
  return start && { ...latest, start, recorded, messages: [...messagesOf(start), ...messages] };
}

/** The last run of a workflow; undefined if Temporal knows none. */
export async function latestRun(
  client: Client,
  id: string,
): Promise<Pick<KeptRuns, 'runId' | 'isRunning'> | undefined> {
  const latest = await describeLatest(client, id);
  return latest && { runId: latest.runId, isRunning: latest.status.name === 'RUNNING' };
}

/** The messages to earlier runs that the start argument of a run contains. */
function messagesOf(start: RunInput<unknown>): readonly Signal[] {
  if ('create' in start) return start.messages ?? [];
  if ('order' in start) return start.crowded ?? [];
  const { messages, arrived = [] } = start.resume;
  return [...messages, ...arrived];
}

/**
 * Signals, and updates that were accepted or carried over from an earlier run. Refused updates are
 * not in the history.
 */
async function receivedIn(client: Client, events: readonly HistoryEvent[]): Promise<Signal[]> {
  const found: Signal[] = [];
  for (const event of events) {
    const signal = event.workflowExecutionSignaledEventAttributes;
    const update =
      event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest ??
      event.workflowExecutionUpdateAdmittedEventAttributes?.request;
    const name = signal?.signalName ?? update?.input?.name;
    if (typeof name !== 'string') continue;
    const [message] = await decoded(client, (signal?.input ?? update?.input?.args)?.payloads);
    // Another program may have sent anything.
    if (isMessage(message)) found.push({ name, message });
  }
  return found;
}

async function recordedIn(client: Client, events: readonly HistoryEvent[]): Promise<number[]> {
  const done = new Set(
    events.flatMap(({ activityTaskCompletedEventAttributes: completed }) =>
      completed?.scheduledEventId ? [String(completed.scheduledEventId)] : [],
    ),
  );
  const versions: number[] = [];
  for (const { eventId, activityTaskScheduledEventAttributes: scheduled } of events) {
    if (!scheduled || !done.has(String(eventId))) continue;
    const [step] = await decoded(client, scheduled.input?.payloads);
    versions.push(...((step as Partial<EntityStep>).events ?? []).map(({ version }) => version));
  }
  return versions;
}
