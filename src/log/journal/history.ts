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

/** The log of an order as Temporal has it. */
export interface HistoryLog {
  readonly orderId: string;
  /** ascending, without gaps; upcast, whenever they were written */
  readonly events: readonly OrderEvent[];
  /** of the log's first event: 1, or more where Temporal no longer keeps the order's earlier runs */
  readonly firstVersion: number;
  /** the log starts at version 1 */
  readonly isComplete: boolean;
  /** the order as the oldest run that is kept took it over; absent where that is the order's first run */
  readonly base?: Order;
  /** nothing is decided yet: the events are what the start command will lead to, at a time that is not known yet */
  readonly isForecast: boolean;
  /** its workflow has not ended, so there may be more */
  readonly isOpen: boolean;
  /** how its workflow has ended, in a word; absent where it has not */
  readonly ending?: string;
  /** its workflow was started anew from the journal, which has more than it does until it has taken that over */
  readonly isResuming: boolean;
}

/**
 * Reads an order's log from the histories of its runs: the events in the activity inputs. No worker is needed and no decision
 * is made again, but for an order that no worker has come to yet.
 *
 * @returns undefined where Temporal knows no such order
 * @throws ApplicationFailure of type `EventFork` where two different events have one version; Error where one is missing, or
 *   where this history alone cannot be read; gRPC errors where Temporal can not be asked
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

/** The order that a log leads to; undefined where its start command was no order. */
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

/** What a log is read from, of one run. */
interface Run {
  readonly first: HistoryEvent;
  readonly last: HistoryEvent;
  /** inputs of its activities, in this order */
  readonly steps: readonly Payloads[];
}

const { EventType } = proto.temporal.api.enums.v1;
/** With what the last run of an order ends; one that ends with `CONTINUED_AS_NEW` is not the last. */
const endings = new Map<number, string>([
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, 'completed'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED, 'failed'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT, 'timed out'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED, 'canceled'],
  [EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED, 'terminated'],
]);

/** The runs that are kept, oldest first. */
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

/** @param execution without a run id, the latest */
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
  // What a workflow of this type was started with; nothing else starts one.
  return start as Start;
}

async function loggedEvents(client: Client, runs: readonly Run[]): Promise<readonly StoredEvent[]> {
  const inputs = await Promise.all(
    runs.flatMap(({ steps }) => steps.map((payloads) => decoded(client, payloads))),
  );
  // The input of each of an order's activities: of a step, or of what takes a resumed order over.
  return inputs.flatMap(([step]) => (step as Partial<Step>).events ?? []);
}

/** By the client's own data converter, so that encrypted or compressed payloads are read as well. */
async function decoded(client: Client, payloads: Payloads): Promise<readonly unknown[]> {
  return await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
}

/** An event that was sent twice is the same event. */
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

/** What the workflow will decide first, computed as it will compute it. */
function forecast({ orderId, create }: NewOrder, occurredAt: string): readonly OrderEvent[] {
  const { data, commandId, correlationId, actor } = create;
  const decision = decide(undefined, { type: 'CreateOrder', data }, occurredAt);
  if ('refusal' in decision) return [];
  const cause = { occurredAt, commandId, correlationId, causationId: messageId(create), actor };
  return append(orderId, undefined, decision.events, cause).events;
}

/** An order is created when its workflow is accepted, whenever a worker comes to it. */
function acceptedAt({ first }: Run): string {
  return new Date(requiredTsToMs(first.eventTime, 'eventTime')).toISOString();
}
