import {
  append,
  type ContinuedOrder,
  type NewOrder,
  type ResumedOrder,
  type Step,
  workflowId,
} from '../../order-log.js';
import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { requiredTsToMs } from '@temporalio/common/lib/time.js';
import proto, { type temporal } from '@temporalio/proto';
import { decide } from '../../order/decide.js';
import type { OrderEvent, StoredEvent } from '../../order/events.js';
import { fold } from '../../order/evolve.js';
import type { Order } from '../../order/order.js';
import { upcast } from '../../order/upcasters.js';
import { messageId, type ResumeRequest } from '../workflow/messages.js';
import { forkFailure } from './fork.js';
import { type Execution, type HistoryEvent, historyEvents, type ReadOptions } from './history-events.js';
import { isSameEvent } from './journal.js';

/** The log of an order, from Temporal's histories. */
export interface HistoryLog {
  readonly orderId: string;
  /** ascending, without gaps, upcast */
  readonly events: readonly OrderEvent[];
  /** version of the first event; above 1 if Temporal no longer keeps the order's earlier runs */
  readonly firstVersion: number;
  /** the log starts at version 1 */
  readonly isComplete: boolean;
  /** the order with which the oldest kept run started; absent if that is the order's first run */
  readonly base?: Order;
  /**
   * no worker has decided anything yet: the events are computed from the start command, and their
   * times may differ
   */
  readonly isForecast: boolean;
  /** the workflow is running, so more events may follow */
  readonly isOpen: boolean;
  /** how the workflow ended, in a word; absent if it is running */
  readonly ending?: string;
  /**
   * the workflow was resumed and has not yet loaded its log from the journal, which has more events
   */
  readonly isResuming: boolean;
}

/**
 * Reads an order's log from the inputs of the activities in its histories, over all of its runs. It
 * needs no worker and replays no decision. Only if no worker has processed the order yet is the
 * first decision computed here.
 *
 * @returns undefined if Temporal does not know the order
 * @throws ApplicationFailure of type `EventFork` if two different events have one version; Error if
 *   an event is missing or this history cannot be read; gRPC errors if Temporal cannot be reached
 */
export async function readHistoryLog(
  client: Client,
  orderId: string,
  options: ReadOptions = {},
): Promise<HistoryLog | undefined> {
  const runs = await readRuns(client, orderId, options);
  const first = runs[0];
  if (first === undefined) return undefined;
  const start = await startOf(client, first);
  const base = 'order' in start ? start : undefined;
  const logged = contiguous([...(base?.unrecorded ?? []), ...(await loggedEvents(client, runs))]);
  const isForecast = logged.length === 0 && 'create' in start;
  const events = isForecast ? forecast(start, acceptedAt(first)) : logged;
  const firstVersion = events[0]?.version ?? (base?.order.version ?? 0) + 1;
  const ending = endings.get(runs.at(-1)?.last.eventType ?? 0);
  return {
    orderId,
    events,
    firstVersion,
    isComplete: firstVersion === 1,
    ...(base === undefined ? {} : { base: base.order }),
    isForecast,
    isOpen: ending === undefined,
    ...(ending === undefined ? {} : { ending }),
    isResuming: 'resume' in start && !logged.some((event) => isResumption(event, start.resume)),
  };
}

/** The order that the log folds to; undefined if its start command is invalid. */
export function foldHistory({ events, base }: HistoryLog): Order | undefined {
  return fold(
    events.filter((event) => event.version > (base?.version ?? 0)),
    base,
  );
}

function isResumption({ type, commandId }: StoredEvent, resume: ResumeRequest): boolean {
  return type === 'OrderResumed' && commandId === resume.commandId;
}

type Payloads = temporal.api.common.v1.IPayload[] | null | undefined;

/** The parts of a run's history from which the log is read. */
interface Run {
  readonly first: HistoryEvent;
  readonly last: HistoryEvent;
  /** inputs of its activities, in the order of scheduling */
  readonly steps: readonly Payloads[];
}

const { EventType } = proto.temporal.api.enums.v1;
/** The events that end a workflow. `CONTINUED_AS_NEW` is not among them: another run follows. */
const endings = new Map<number, string>([
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, 'completed'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, 'failed'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT, 'timed out'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, 'canceled'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, 'terminated'],
]);

/** The runs that Temporal keeps, oldest first. */
async function readRuns(client: Client, orderId: string, options: ReadOptions): Promise<readonly Run[]> {
  const runs: Run[] = [];
  let runId = '';
  do {
    const run = await readRun(client, { workflowId: workflowId(orderId), runId }, options);
    if (run === undefined) break;
    runs.unshift(run);
    runId = run.first.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
  } while (runId !== '');
  return runs;
}

/** @param execution the latest run if it has no run id */
async function readRun(client: Client, execution: Execution, options: ReadOptions): Promise<Run | undefined> {
  let first: HistoryEvent | undefined;
  let last: HistoryEvent | undefined;
  const steps: Payloads[] = [];
  for await (const event of historyEvents(client, execution, options)) {
    first ??= event;
    last = event;
    const { activityTaskScheduledEventAttributes: scheduled } = event;
    if (scheduled) steps.push(scheduled.input?.payloads);
  }
  return first && last && { first, last, steps };
}

type Start = NewOrder | ContinuedOrder | ResumedOrder;

async function startOf(client: Client, { first }: Run): Promise<Start> {
  const [start] = await decoded(client, first.workflowExecutionStartedEventAttributes?.input?.payloads);
  // The workflow is only ever started with one of these.
  return start as Start;
}

async function loggedEvents(client: Client, runs: readonly Run[]): Promise<readonly StoredEvent[]> {
  const inputs = await Promise.all(
    runs.flatMap(({ steps }) => steps.map((payloads) => decoded(client, payloads))),
  );
  // Every activity of an order has events in its input, except those that load a resumed order's
  // log.
  return inputs.flatMap(([step]) => (step as Partial<Step>).events ?? []);
}

/** Uses the client's data converter, so encrypted or compressed payloads can be read. */
async function decoded(client: Client, payloads: Payloads): Promise<readonly unknown[]> {
  return await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
}

/** Drops events that were sent again, and checks that they are the same. */
function contiguous(sent: readonly StoredEvent[]): readonly OrderEvent[] {
  const events: OrderEvent[] = [];
  const first = sent[0]?.version ?? 1;
  for (const event of sent) {
    const known = events[event.version - first];
    if (known !== undefined && !isSameEvent(known, event)) throw forkFailure(known, event);
    if (known !== undefined) continue;
    if (event.version !== first + events.length) {
      throw new Error(`the history of order ${event.orderId} lacks version ${first + events.length}`);
    }
    events.push(upcast(event));
  }
  return events;
}

/** Computes the workflow's first decision with the same code. */
function forecast({ orderId, create }: NewOrder, occurredAt: string): readonly OrderEvent[] {
  const { data, commandId, correlationId, actor, onBehalfOf } = create;
  const decision = decide(undefined, { type: 'CreateOrder', data }, occurredAt);
  if ('refusal' in decision) return [];
  const cause = {
    occurredAt,
    commandId,
    correlationId,
    causationId: messageId(create),
    actor,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
  };
  return append(orderId, undefined, decision.events, cause).events;
}

/**
 * The time of an order's creation is when its workflow was accepted, even if a worker decides it
 * later.
 */
function acceptedAt({ first }: Run): string {
  return new Date(requiredTsToMs(first.eventTime, 'eventTime')).toISOString();
}
