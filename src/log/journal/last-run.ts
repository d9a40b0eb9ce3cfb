import {
  type ContinuedOrder,
  type NewOrder,
  type ResumedOrder,
  type Step,
  workflowId,
} from '../../order-log.js';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { isMessage, type Signal } from '../workflow/messages.js';
import { type HistoryEvent, historyEvents } from './history-events.js';

/** What the workflow of an order leaves in Temporal beside its log. */
export interface LastRun {
  readonly runId: string;
  readonly isRunning: boolean;
  /** of the oldest run that is kept */
  readonly start: NewOrder | ContinuedOrder | ResumedOrder;
  /** versions of the events whose step was done: each was in the journal once */
  readonly recorded: ReadonlySet<number>;
  /** all that came to its runs, in its order */
  readonly messages: readonly Signal[];
}

/** @returns undefined if Temporal knows no workflow of the order */
export async function readLastRun(client: Client, orderId: string): Promise<LastRun | undefined> {
  const id = workflowId(orderId);
  const latest = await describe(client, id);
  if (latest === undefined) return undefined;
  const recorded = new Set<number>();
  const messages: Signal[] = [];
  let start: LastRun['start'] | undefined;
  for (let runId = latest.runId; runId !== '';) {
    const events: HistoryEvent[] = [];
    for await (const event of historyEvents(client, { workflowId: id, runId })) events.push(event);
    const [first] = events;
    const started = first?.workflowExecutionStartedEventAttributes;
    // What a workflow of this type was started with; nothing else starts one.
    const [argument] = await decoded(client, started?.input?.payloads);
    if (argument === undefined) break;
    start = argument as LastRun['start'];
    messages.unshift(
      ...('resume' in start ? start.resume.messages : []),
      ...(await messagesIn(client, events)),
    );
    for (const version of await recordedIn(client, events)) recorded.add(version);
    runId = started?.continuedExecutionRunId ?? '';
  }
  return start && { ...latest, start, recorded, messages };
}

type Payloads = temporal.api.common.v1.IPayload[] | null | undefined;

async function describe(
  client: Client,
  id: string,
): Promise<Pick<LastRun, 'runId' | 'isRunning'> | undefined> {
  try {
    const { runId, status } = await client.workflow.getHandle(id).describe();
    return { runId, isRunning: status.name === 'RUNNING' };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Signals, and updates that were accepted, or taken over from a run before: an update that was refused leaves nothing. */
async function messagesIn(client: Client, events: readonly HistoryEvent[]): Promise<Signal[]> {
  const found: Signal[] = [];
  for (const event of events) {
    const signal = event.workflowExecutionSignaledEventAttributes;
    const update =
      event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest ??
      event.workflowExecutionUpdateAdmittedEventAttributes?.request;
    const name = signal?.signalName ?? update?.input?.name;
    if (typeof name !== 'string') continue;
    const [message] = await decoded(client, (signal?.input ?? update?.input?.args)?.payloads);
    // Of another program, it may be anything.
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
    versions.push(...((step as Partial<Step>).events ?? []).map(({ version }) => version));
  }
  return versions;
}

async function decoded(client: Client, payloads: Payloads): Promise<readonly unknown[]> {
  return await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
}
