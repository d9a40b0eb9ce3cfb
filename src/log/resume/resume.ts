import { setTimeout } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { messageOf } from '../../outages/message-of.js';
import { isServerError } from '../../outages/server-error.js';
import type { Draft, State, StoredEvent } from '../entity.js';
import { COMMAND_REJECTED } from '../event.js';
import { committed } from '../../mongodb/durability.js';
import { type AnyLog, type EntityLog, stateViews, workflowIdOf } from '../journal/entity-log.js';
import { forkFailure, forks, noteFork } from '../journal/fork.js';
import { readHistoryLog } from '../history/history.js';
import { readStored } from '../journal/read-journal.js';
import { resumptionType } from '../journal/journal.js';
import { restoreLog } from '../journal/truncated-log.js';
import { setAside } from '../journal/set-aside.js';
import { updateStateView } from '../journal/state-view.js';
import { clearStopped, endedReason, markStopped } from '../journal/stops.js';
import { keyOf } from '../workflow/command-id.js';
import { type EntityState, type Message, type Signal, stateQuery } from '../workflow/messages.js';
import type { NewEntity, ResumedEntity, ResumeRequest } from '../workflow/inputs.js';
import { type LastRun, readLastRun } from './last-run.js';
import { type Plan, planResumption } from './resume-plan.js';
import { startAgain, startOptionsAgain } from './start-again.js';

export interface ResumeDeps {
  readonly client: Client;
  readonly db: Db;
  /** the task queue of the entities' workflows */
  readonly taskQueue: string;
  /** see `NewEntity` */
  readonly continueAsNewAfter?: number;
}

/** Who resumes the entity, and why. Idempotent by its command id. */
export type ResumeCommand = Omit<ResumeRequest, 'previousRunId' | 'messages' | 'arrived'>;

export interface ResumeOptions {
  /** only report what would be done */
  readonly isDryRun?: boolean;
  /**
   * how long to wait for the new run, to report which messages it refused; not at all by default
   */
  readonly answerWithinMs?: number;
}

/** What was done with an entity; in a dry run, what would be. */
export interface ResumeReport {
  readonly orderId: string;
  /**
   * `running`: the workflow is running and agrees with the journal; `resumed`: started again from
   * the journal; `restarted`: the workflow had ended before it decided anything, and starts from
   * its create command; `already_resumed`: another resumption came first; `ended`: the entity and
   * its workflow are finished; `contradiction`: history and journal hold different recorded events;
   * `incomplete`: events are missing in both; `unknown`: neither Temporal nor the journal knows the
   * entity
   */
  readonly outcome:
    | 'running'
    | 'resumed'
    | 'restarted'
    | 'already_resumed'
    | 'ended'
    | 'contradiction'
    | 'incomplete'
    | 'unknown';
  /** what was found and done, in words */
  readonly detail: string;
  /** what a person has to do; absent if nothing */
  readonly remedy?: string;
  /** version from which the entity was resumed */
  readonly version?: number;
  /** versions from the history that the journal lacked; they were recorded first */
  readonly recorded: readonly number[];
  /** versions after a gap in the journal; they were set aside (`setAside`) */
  readonly setAside: readonly number[];
  /** ids of commands and facts that earlier runs received and the new run handles again */
  readonly messages: readonly string[];
  /** those that the new run has refused; absent if it was not waited for, or did not answer */
  readonly refused?: readonly {
    readonly commandId: string;
    readonly code: string;
    readonly message: string;
  }[];
}

/** Maximum number of attempts while other resumptions or runs interfere. */
const maxAttempts = 4;

/**
 * Resumes an entity whose workflow ended before the entity was finished, or was restored to an
 * earlier state. The journal decides what happened (see `planResumption`). A history that agrees
 * with it and is longer is recorded first.
 *
 * @throws errors of MongoDB and Temporal
 */
export async function resume<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: ResumeDeps,
  orderId: string,
  command: ResumeCommand,
  { isDryRun = false, answerWithinMs = 0 }: ResumeOptions = {},
): Promise<ResumeReport> {
  let isReplaced = false;
  for (let left = maxAttempts; ; left -= 1) {
    const { plan, run, journal }: Inspected<S> = await inspect(log, deps, orderId, isReplaced);
    const found = reportOf(log, orderId, plan, journal, command);
    if (isDryRun || found.outcome === 'already_resumed') return found;
    const report = await carryOut(log, deps, { orderId, command, plan, run, found });
    if (report !== undefined) return await withRefusals(log, deps, report, command, answerWithinMs);
    isReplaced ||= plan.kind === 'resume' && run?.isRunning === true;
    if (left === 1) return { ...found, outcome: 'already_resumed', detail: 'another resumption came first' };
  }
}

interface Inspected<S> {
  readonly plan: Plan<S>;
  readonly run: LastRun | undefined;
  readonly journal: readonly StoredEvent[];
}

/**
 * Reads view, journal and history in this sequence, so that a healthy entity's history includes
 * everything that its journal had before.
 */
async function inspect<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, db }: ResumeDeps,
  orderId: string,
  isReplaced: boolean,
): Promise<Inspected<S>> {
  const view = await stateViews(log, db).findOne(
    { _id: orderId },
    { ...committed, projection: { version: 1 } },
  );
  const fork = await forks(log, db).findOne({ _id: orderId }, committed);
  const journal = await readStored(log, db, orderId);
  let run: LastRun | undefined;
  try {
    run = await readLastRun(log, client, orderId);
    const history = await readHistoryLog(log, client, orderId);
    const plan = planResumption(log, {
      viewed: view?.version ?? 0,
      journal,
      ...(history === undefined ? {} : { history }),
      recorded: run?.recorded ?? new Set(),
      isHalted: fork !== null,
      isReplaced,
    });
    return { plan, run, journal };
  } catch (error) {
    if (isServerError(error)) throw error;
    return { plan: { kind: 'incomplete', detail: messageOf(error) }, run, journal };
  }
}

const noChanges = { recorded: [], setAside: [], messages: [] } as const;

function reportOf(
  log: AnyLog,
  orderId: string,
  plan: Plan<State>,
  journal: readonly StoredEvent[],
  command: ResumeCommand,
): ResumeReport {
  const isDone = journal.some(
    ({ type, commandId }) => type === resumptionType(log) && commandId === command.commandId,
  );
  if (isDone || plan.kind === 'resuming')
    return { orderId, outcome: 'already_resumed', detail: 'it was resumed already', ...noChanges };
  const { name } = log.entity;
  switch (plan.kind) {
    case 'unknown':
      return {
        orderId,
        outcome: 'unknown',
        detail: `neither Temporal nor the journal knows the ${name}`,
        ...noChanges,
      };
    case 'incomplete':
      return {
        orderId,
        outcome: 'incomplete',
        detail: plan.detail,
        remedy: `restore a backup that has these events, then resume the ${name} again`,
        ...noChanges,
      };
    case 'contradiction': {
      const { message } = forkFailure(log, plan.journal, plan.history);
      return {
        orderId,
        outcome: 'contradiction',
        detail: `${message}; both were recorded`,
        remedy:
          'decide which one is true: `orders events --source history` shows the history, `orders events` the journal',
        ...noChanges,
      };
    }
    case 'restart':
      return { orderId, outcome: 'restarted', detail: 'it starts from its create command', ...noChanges };
    case 'running':
    case 'ended':
      return {
        orderId,
        outcome: plan.kind,
        detail: plan.kind === 'running' ? 'its workflow runs' : `the ${name} is finished`,
        ...repairsOf(plan),
        messages: [],
      };
    case 'resume': {
      const { version } = plan.state;
      const detail = `its workflow starts from version ${version}`;
      return { orderId, outcome: 'resumed', version, detail, ...repairsOf(plan), messages: [] };
    }
    default:
      return plan satisfies never;
  }
}

function repairsOf({ record, setAside: beyond }: Extract<Plan<State>, { readonly record: unknown }>) {
  const versions = (events: readonly StoredEvent[]) => events.map(({ version }) => version);
  return { recorded: versions(record), setAside: versions(beyond) };
}

interface Action<S> {
  readonly orderId: string;
  readonly command: ResumeCommand;
  readonly plan: Plan<S>;
  readonly run: LastRun | undefined;
  readonly found: ResumeReport;
}

/** @returns undefined if the situation has changed: inspect the entity again */
async function carryOut<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: ResumeDeps,
  { orderId, command, plan, run, found }: Action<S>,
): Promise<ResumeReport | undefined> {
  const { client, db } = deps;
  switch (plan.kind) {
    case 'unknown':
    case 'resuming':
      return found;
    case 'incomplete':
      await markStopped(log, db, orderId, { ...endedReason(log, orderId, undefined), detail: plan.detail });
      return found;
    case 'contradiction':
      await noteFork(log, db, plan.journal, plan.history);
      return found;
    case 'restart':
      return (await restart(log, deps, orderId, run)) ? found : undefined;
    case 'running':
    case 'ended':
      await repair(log, db, orderId, plan);
      if (plan.kind === 'running') await clearStopped(log, db, orderId);
      return found;
    case 'resume': {
      if (run?.isRunning === true) {
        // If the run decides something before it is terminated, the next inspection finds it.
        await terminate(log, client, orderId, run.runId);
        return undefined;
      }
      await repair(log, db, orderId, plan);
      const journal = await readStored(log, db, orderId);
      const messages = unrecorded(log, run?.messages ?? [], journal);
      const isStarted = await startResumed(log, deps, { orderId, command, plan, run, journal, messages });
      if (!isStarted) return undefined;
      await forks(log, db).deleteOne({ _id: orderId });
      return { ...found, messages: messages.map(({ message }) => message.commandId) };
    }
    default:
      return plan satisfies never;
  }
}

async function repair<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  orderId: string,
  { record, setAside: beyond }: Extract<Plan<S>, { readonly record: unknown }>,
): Promise<void> {
  if (record.length === 0 && beyond.length === 0) return;
  await setAside(log, db, beyond);
  if (record.length > 0) await restoreLog(log, db, record);
  await updateStateView(log, db, orderId);
}

/**
 * Messages without a decision, or whose decision the journal lacks. Messages are handled in order:
 * a command without an event, before one with an event, was refused, and is left out. Facts are
 * never refused, so they are kept.
 */
function unrecorded<S extends State, D extends Draft>(
  { entity }: EntityLog<S, D>,
  messages: readonly Signal[],
  journal: readonly StoredEvent[],
): readonly Signal[] {
  const known = new Set(journal.map(({ commandId }) => commandId));
  const isKnown = ({ message: { commandId } }: Signal) => known.has(commandId) || known.has(keyOf(commandId));
  const lastKnown = messages.findLastIndex(isKnown);
  const isFact = ({ name }: Signal) => entity.facts?.types.includes(name) === true;
  return messages.filter((one, index) => !isKnown(one) && (index > lastKnown || isFact(one)));
}

async function terminate(log: AnyLog, client: Client, orderId: string, runId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowIdOf(log, orderId), runId).terminate('resumed from the journal');
  } catch (error) {
    // The run has ended already.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** @returns false if another run was started meanwhile */
async function startResumed<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, taskQueue, continueAsNewAfter }: ResumeDeps,
  {
    orderId,
    command,
    plan: { state },
    run,
    journal,
    messages,
  }: Pick<Action<S>, 'orderId' | 'command' | 'run'> & {
    readonly plan: Extract<Plan<S>, { readonly kind: 'resume' }>;
    readonly journal: readonly StoredEvent[];
    readonly messages: readonly Signal[];
  },
): Promise<boolean> {
  const [created] = journal;
  if (created === undefined) return false;
  const carried = messages.slice(0, countThatFit(messages));
  const resumed: ResumedEntity<S> = {
    orderId,
    resume: { ...command, ...(run === undefined ? {} : { previousRunId: run.runId }), messages: carried },
    ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
  };
  const options = startOptionsAgain(log, state, created);
  const isStarted = await startAgain(log, { client, taskQueue }, resumed, options);
  const handle = client.workflow.getHandle(workflowIdOf(log, orderId));
  if (isStarted)
    for (const { name, message } of messages.slice(carried.length))
      await handle.signal<[Message]>(name, message);
  return isStarted;
}

/** Temporal limits a start argument to 2 MiB; messages beyond that are sent as signals. */
const maxCarriedCharacters = 500_000;

/** How many messages, counted from the first, fit into the start argument. */
function countThatFit(messages: readonly Signal[]): number {
  let characters = 0;
  const end = messages.findIndex((one) => (characters += JSON.stringify(one).length) > maxCarriedCharacters);
  return end === -1 ? messages.length : end;
}

/**
 * Restarts an entity that was accepted but never decided: from its start command, with the messages
 * that it received.
 */
async function restart(
  log: AnyLog,
  { client, taskQueue }: ResumeDeps,
  orderId: string,
  run: LastRun | undefined,
): Promise<boolean> {
  if (run === undefined || !('create' in run.start)) return false;
  const start: NewEntity = { ...run.start, messages: [...(run.start.messages ?? []), ...run.messages] };
  const { memo, typedSearchAttributes } = await client.workflow
    .getHandle(workflowIdOf(log, orderId), run.runId)
    .describe();
  const options = { ...(memo === undefined ? {} : { memo }), typedSearchAttributes };
  return await startAgain(log, { client, taskQueue }, start, options);
}

const POLL_EVERY_MS = 100;

/**
 * Adds to the report which messages were refused, as soon as the new run has handled all of them.
 */
async function withRefusals(
  log: AnyLog,
  { client, db }: ResumeDeps,
  report: ResumeReport,
  command: ResumeCommand,
  withinMs: number,
): Promise<ResumeReport> {
  const { orderId, outcome, messages, version = 0 } = report;
  if (outcome !== 'resumed') return report;
  for (const giveUpAt = Date.now() + withinMs; Date.now() < giveUpAt; await setTimeout(POLL_EVERY_MS)) {
    const state = await client.connection
      .withDeadline(giveUpAt, () =>
        client.workflow.getHandle(workflowIdOf(log, orderId)).query<EntityState<State>>(stateQuery),
      )
      // The run is still loading its log, or there is no worker.
      .catch(() => undefined);
    if (state === undefined || state.unrecorded > 0) continue;
    const events = await readStored(log, db, orderId, { from: version + 1 });
    if (!events.some(({ commandId }) => commandId === command.commandId)) continue;
    const refused = events.flatMap(({ type, commandId, data }) =>
      type === COMMAND_REJECTED && messages.includes(commandId)
        ? [
            {
              commandId,
              code: String(Reflect.get(data, 'code')),
              message: String(Reflect.get(data, 'message')),
            },
          ]
        : [],
    );
    return { ...report, refused };
  }
  return report;
}
