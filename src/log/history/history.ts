import type { Client } from '@temporalio/client';
import { requiredTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { fold } from '../journal/fold.js';
import { append } from '../append.js';
import type { Draft, Envelope, State, StoredEvent } from '../entity.js';
import { causeOf } from '../workflow/messages.js';
import type { NewEntity, RunInput } from '../workflow/inputs.js';
import type { EntityStep } from '../workflow/steps.js';
import { type AnyLog, type EntityLog, workflowIdOf } from '../entity-log/entity-log.js';
import { forkFailure } from '../journal/fork.js';
import type { HistoryEvent, ReadOptions } from './history-events.js';
import { decoded, type Payloads, runsOf, startArgument } from './runs.js';
import { isSameEvent } from '../journal/same-event.js';
import { resumptionType } from '../journal/journal.js';

/** The log of an entity, from Temporal's histories. */
export interface HistoryLog<S extends State, D extends Draft> {
  readonly orderId: string;
  /** ascending, without gaps, upcast */
  readonly events: readonly (D & Envelope)[];
  /**
   * version of the first event; if there are no events, the version that the next event will have.
   * Above 1 if Temporal no longer keeps the entity's earlier runs.
   */
  readonly firstVersion: number;
  /** the log starts at version 1 */
  readonly isComplete: boolean;
  /**
   * the state with which the oldest kept run started; absent if that run created the entity, or
   * resumed it from the journal
   */
  readonly base?: S;
  /**
   * no worker has decided anything yet: the events are computed from the start command, and the
   * workflow may give them other times
   */
  readonly isForecast: boolean;
  /** the workflow is running, so more events may follow */
  readonly isOpen: boolean;
  /** how the workflow ended, in words; absent if it is running */
  readonly ending?: string;
  /** the workflow was resumed, and has not loaded its whole log from the journal yet */
  readonly isResuming: boolean;
}

/**
 * Reads an entity's log from the inputs of the activities in its histories, over all of its runs.
 * It needs no worker and replays no decision. The first decision is computed here if no worker has
 * processed the entity yet.
 *
 * @returns undefined if Temporal does not know the entity
 * @throws ApplicationFailure of type `EventFork` if two different events have one version; Error if
 *   an event is missing or this history cannot be read; gRPC errors if Temporal cannot be reached
 */
export async function readHistoryLog<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  client: Client,
  orderId: string,
  options: ReadOptions = {},
): Promise<HistoryLog<S, D> | undefined> {
  const runs = await readRuns(log, client, orderId, options);
  const first = runs[0];
  if (first === undefined) return undefined;
  const start = await startOf<S>(client, first);
  const base = 'order' in start ? start : undefined;
  const logged = deduplicated(log, [...(base?.unrecorded ?? []), ...(await loggedEvents(client, runs))]);
  const isForecast = logged.length === 0 && 'create' in start;
  const events = isForecast ? forecast(log, start, acceptedAt(first)) : logged;
  const firstVersion = events[0]?.version ?? (base?.order.version ?? 0) + 1;
  const isResuming =
    'resume' in start &&
    !logged.some(
      ({ type, commandId }) => type === resumptionType(log) && commandId === start.resume.commandId,
    );
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
    isResuming,
  };
}

/** The state that the log folds to; undefined if its start command is invalid. */
export function foldHistory<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { events, base }: HistoryLog<S, D>,
): S | undefined {
  return fold(
    log,
    events.filter((event) => event.version > (base?.version ?? 0)),
    base,
  );
}

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
async function readRuns(
  log: AnyLog,
  client: Client,
  orderId: string,
  options: ReadOptions,
): Promise<readonly Run[]> {
  const runs: Run[] = [];
  for await (const { first, last, events } of runsOf(
    client,
    { workflowId: workflowIdOf(log, orderId) },
    options,
  )) {
    const steps = events.flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled ? [scheduled.input?.payloads] : [],
    );
    runs.unshift({ first, last, steps });
  }
  return runs;
}

async function startOf<S>(client: Client, run: Run): Promise<RunInput<S>> {
  const start = await startArgument(client, run);
  // An entity's workflow is only ever started with a `RunInput`.
  return start as RunInput<S>;
}

async function loggedEvents(client: Client, runs: readonly Run[]): Promise<readonly StoredEvent[]> {
  const inputs = await Promise.all(
    runs.flatMap(({ steps }) => steps.map((payloads) => decoded(client, payloads))),
  );
  // Every activity of an entity has `events` in its input, except the `ResumptionActivities`.
  return inputs.flatMap(([step]) => (step as Partial<EntityStep>).events ?? []);
}

/** Drops events that were sent again, and checks that they are the same. */
function deduplicated<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  sent: readonly StoredEvent[],
): readonly (D & Envelope)[] {
  const { name, upcast } = log.entity;
  const events: (D & Envelope)[] = [];
  const first = sent[0]?.version ?? 1;
  for (const event of sent) {
    const known = events[event.version - first];
    if (known !== undefined && !isSameEvent(log, known, event)) throw forkFailure(log, known, event);
    if (known !== undefined) continue;
    if (event.version !== first + events.length)
      throw new Error(`the history of ${name} ${event.orderId} lacks version ${first + events.length}`);
    events.push(upcast(event));
  }
  return events;
}

/** Computes the workflow's first decision, with the code that the workflow runs. */
function forecast<S extends State, D extends Draft>(
  { entity }: EntityLog<S, D>,
  { orderId, create }: NewEntity,
  occurredAt: string,
): readonly (D & Envelope)[] {
  const decision = entity.decide(undefined, entity.creation, create.data, occurredAt);
  if ('refusal' in decision) return [];
  return append(entity, orderId, undefined, decision.events, causeOf(create, occurredAt)).events;
}

/** An entity is created when Temporal accepts its workflow, even if a worker begins later. */
function acceptedAt({ first }: Run): string {
  return new Date(requiredTsToMs(first.eventTime, 'eventTime')).toISOString();
}
