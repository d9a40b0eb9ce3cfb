import {
  type NewOrder,
  orderWorkflow,
  type OrderState,
  type ResumedOrder,
  workflowId,
} from '../../order-log.js';
import { setTimeout } from 'node:timers/promises';
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { factTypes } from '../../order/commands.js';
import type { StoredEvent } from '../../order/events.js';
import { messageOf } from '../../outages/message-of.js';
import { isServerError } from '../../outages/server-error.js';
import { orders, projectOrder } from '../../views/orders.js';
import { keyOf } from '../workflow/command-id.js';
import { type Message, type Signal, type ResumeRequest, stateQuery } from '../workflow/messages.js';
import { committed } from './durability.js';
import { noteReturn } from '../feed/feed.js';
import { forkFailure, forks, noteFork } from './fork.js';
import { readHistoryLog } from './history.js';
import { readStored, restoreLog } from './journal.js';
import { type LastRun, readLastRun } from './last-run.js';
import { startOptionsOf } from './order-start.js';
import { type Plan, planResumption } from './resume-plan.js';
import { setAside } from './set-aside.js';
import { clearStopped, ended, markStopped } from './stops.js';

export interface Resuming {
  readonly client: Client;
  readonly db: Db;
  /** of the orders' workflows */
  readonly taskQueue: string;
  /** see `NewOrder` */
  readonly continueAsNewAfter?: number;
}

/** Who asks for it, and why. Asked again under the same command id, nothing more is done. */
export type Asked = Pick<ResumeRequest, 'commandId' | 'hash' | 'correlationId' | 'actor' | 'reason'>;

export interface ResumeOptions {
  /** say what would be done, and change nothing */
  readonly isDryRun?: boolean;
  /** how long the new run is waited for, which tells what became of messages; not at all by default */
  readonly answerWithinMs?: number;
}

/** What became of an order, or would become of it. */
export interface ResumeReport {
  readonly orderId: string;
  /**
   * `running`: its workflow runs and agrees with the journal; `resumed`: started anew from the journal; `restarted`: its workflow had
   * ended before it decided anything; `already_resumed`: another resumption came first; `ended`: the order is finished, and so is
   * its workflow; `contradiction`: history and journal hold different recorded events; `incomplete`: events are missing that neither has
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
  /** for a person: what was found, and what was done */
  readonly detail: string;
  /** what a person can do; absent if nothing is left to do */
  readonly remedy?: string;
  /** the order's last version before it was resumed */
  readonly version?: number;
  /** versions that the history had and the journal lacked, recorded first */
  readonly recorded: readonly number[];
  /** versions that the journal held beyond a gap: in `order_events_set_aside` now */
  readonly setAside: readonly number[];
  /** ids of commands and facts that came to earlier runs, and are judged again */
  readonly messages: readonly string[];
  /** of these, what was refused by now; absent if the new run was not waited for, or has not answered */
  readonly refused?: readonly {
    readonly commandId: string;
    readonly code: string;
    readonly message: string;
  }[];
}

/** How often an order is looked at again if another resumption was faster. */
const tries = 4;

/**
 * Brings an order back whose workflow ended without it, or was put back to an earlier state. The journal is what the world saw
 * (see `planResumption`); a history that agrees with it and is longer is recorded first.
 *
 * @throws errors of MongoDB and Temporal
 */
export async function resume(
  resuming: Resuming,
  orderId: string,
  asked: Asked,
  { isDryRun = false, answerWithinMs = 0 }: ResumeOptions = {},
): Promise<ResumeReport> {
  let isReplaced = false;
  for (let left = tries; ; left -= 1) {
    const { plan, run, journal } = await look(resuming, orderId, isReplaced);
    const found = reportOf(orderId, plan, journal, asked);
    if (isDryRun || found.outcome === 'already_resumed') return found;
    const report = await act(resuming, { orderId, asked, plan, run, found });
    if (report !== undefined) return await answered(resuming, report, asked, answerWithinMs);
    isReplaced ||= plan.kind === 'resume' && run?.isRunning === true;
    if (left === 1) return { ...found, outcome: 'already_resumed', detail: 'another resumption came first' };
  }
}

interface Looked {
  readonly plan: Plan;
  readonly run: LastRun | undefined;
  readonly journal: readonly StoredEvent[];
}

/** In this sequence: the history of an order that is well covers what its journal had before. */
async function look({ client, db }: Resuming, orderId: string, isReplaced: boolean): Promise<Looked> {
  const view = await orders(db).findOne({ _id: orderId }, { ...committed, projection: { version: 1 } });
  const fork = await forks(db).findOne({ _id: orderId }, committed);
  const journal = await readStored(db, orderId);
  let run: LastRun | undefined;
  try {
    run = await readLastRun(client, orderId);
    const history = await readHistoryLog(client, orderId);
    const plan = planResumption({
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

const nothing = { recorded: [], setAside: [], messages: [] } as const;

function reportOf(orderId: string, plan: Plan, journal: readonly StoredEvent[], asked: Asked): ResumeReport {
  const isDone = journal.some(
    ({ type, commandId }) => type === 'OrderResumed' && commandId === asked.commandId,
  );
  if (isDone || plan.kind === 'resuming')
    return { orderId, outcome: 'already_resumed', detail: 'it was resumed already', ...nothing };
  switch (plan.kind) {
    case 'unknown':
      return { orderId, outcome: 'unknown', detail: 'neither Temporal nor the journal knows it', ...nothing };
    case 'incomplete':
      return {
        orderId,
        outcome: 'incomplete',
        detail: plan.detail,
        remedy: 'restore a backup that has these events, then resume it again',
        ...nothing,
      };
    case 'contradiction': {
      const { message } = forkFailure(plan.journal, plan.history);
      return {
        orderId,
        outcome: 'contradiction',
        detail: `${message}, and both were recorded`,
        remedy:
          'decide which is true: `orders events --source history` shows the one, `orders events` the other',
        ...nothing,
      };
    }
    case 'restart':
      return { orderId, outcome: 'restarted', detail: 'it starts from its create command', ...nothing };
    case 'running':
    case 'ended':
      return {
        orderId,
        outcome: plan.kind,
        detail: plan.kind === 'running' ? 'its workflow runs' : 'the order is finished',
        ...mended(plan),
        messages: [],
      };
    case 'resume': {
      const { version } = plan.order;
      const detail = `its workflow starts from version ${version}`;
      return { orderId, outcome: 'resumed', version, detail, ...mended(plan), messages: [] };
    }
    default:
      return plan satisfies never;
  }
}

function mended({ record, setAside: beyond }: Extract<Plan, { readonly record: unknown }>) {
  const versions = (events: readonly StoredEvent[]) => events.map(({ version }) => version);
  return { recorded: versions(record), setAside: versions(beyond) };
}

interface Act {
  readonly orderId: string;
  readonly asked: Asked;
  readonly plan: Plan;
  readonly run: LastRun | undefined;
  readonly found: ResumeReport;
}

/** @returns undefined if what was found has changed: it is to be looked at again */
async function act(
  resuming: Resuming,
  { orderId, asked, plan, run, found }: Act,
): Promise<ResumeReport | undefined> {
  const { client, db } = resuming;
  switch (plan.kind) {
    case 'unknown':
    case 'resuming':
      return found;
    case 'incomplete':
      await markStopped(db, orderId, { ...ended(orderId, undefined), detail: plan.detail });
      return found;
    case 'contradiction':
      await noteFork(db, plan.journal, plan.history);
      return found;
    case 'restart':
      return (await restart(resuming, orderId, run)) ? found : undefined;
    case 'running':
    case 'ended':
      await mend(db, orderId, plan);
      if (plan.kind === 'running') await clearStopped(db, orderId);
      return found;
    case 'resume': {
      if (run?.isRunning === true) {
        // What it still takes until then is looked at afterwards.
        await terminate(client, orderId, run.runId);
        return undefined;
      }
      await mend(db, orderId, plan);
      const journal = await readStored(db, orderId);
      const messages = unrecorded(run?.messages ?? [], journal);
      const isStarted = await startAnew(resuming, { orderId, asked, plan, run, journal, messages });
      if (!isStarted) return undefined;
      await forks(db).deleteOne({ _id: orderId });
      return { ...found, messages: messages.map(({ message }) => message.commandId) };
    }
    default:
      return plan satisfies never;
  }
}

async function mend(
  db: Db,
  orderId: string,
  { record, setAside: beyond }: Extract<Plan, { readonly record: unknown }>,
): Promise<void> {
  if (record.length === 0 && beyond.length === 0) return;
  await setAside(db, beyond);
  if (record.length > 0) {
    await noteReturn(db);
    await restoreLog(db, record);
  }
  await projectOrder(db, orderId);
}

/**
 * Messages that were not decided, or whose decision the journal lacks. Messages are decided in their order: a command before one
 * that the journal knows was refused without an event, as one is that was refused before in the same state.
 */
function unrecorded(messages: readonly Signal[], journal: readonly StoredEvent[]): readonly Signal[] {
  const known = new Set(journal.map(({ commandId }) => commandId));
  const isKnown = ({ message: { commandId } }: Signal) => known.has(commandId) || known.has(keyOf(commandId));
  const lastKnown = messages.findLastIndex(isKnown);
  const isFact = ({ name }: Signal) => factTypes.some((type) => type === name);
  return messages.filter((one, index) => !isKnown(one) && (index > lastKnown || isFact(one)));
}

async function terminate(client: Client, orderId: string, runId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId(orderId), runId).terminate('resumed from the journal');
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** @returns false if a run of the order was started meanwhile */
async function startAnew(
  { client, taskQueue, continueAsNewAfter }: Resuming,
  {
    orderId,
    asked,
    plan: { order },
    run,
    journal,
    messages,
  }: Pick<Act, 'orderId' | 'asked' | 'run'> & {
    readonly plan: Extract<Plan, { readonly kind: 'resume' }>;
    readonly journal: readonly StoredEvent[];
    readonly messages: readonly Signal[];
  },
): Promise<boolean> {
  const [created] = journal;
  if (created === undefined) return false;
  const { commandId, causationId, actor } = created;
  const carried = messages.slice(0, fitting(messages));
  const resumed: ResumedOrder = {
    orderId,
    resume: { ...asked, ...(run === undefined ? {} : { previousRunId: run.runId }), messages: carried },
    ...(continueAsNewAfter === undefined ? {} : { continueAsNewAfter }),
  };
  const isStarted = await unlessStarted(() =>
    client.workflow.start(orderWorkflow, {
      ...startOptionsOf(order, { commandId, hash: causationId.slice(commandId.length + 1), actor }),
      taskQueue,
      args: [resumed],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    }),
  );
  const handle = client.workflow.getHandle(workflowId(orderId));
  if (isStarted)
    for (const { name, message } of messages.slice(carried.length))
      await handle.signal<[Message]>(name, message);
  return isStarted;
}

/** What Temporal takes to start a workflow with is 2 MiB: the other messages come as signals. */
const carriedCharacters = 500_000;

/** How many of the messages, from the first on, a start argument can carry. */
function fitting(messages: readonly Signal[]): number {
  let characters = 0;
  const end = messages.findIndex((one) => (characters += JSON.stringify(one).length) > carriedCharacters);
  return end === -1 ? messages.length : end;
}

/** The order that was accepted, and nothing decided of: it starts from its own start command, and what came to it comes again. */
async function restart(
  { client, taskQueue }: Resuming,
  orderId: string,
  run: LastRun | undefined,
): Promise<boolean> {
  if (run === undefined || !('create' in run.start)) return false;
  const start: NewOrder = { ...run.start, messages: [...(run.start.messages ?? []), ...run.messages] };
  const { memo, typedSearchAttributes } = await client.workflow
    .getHandle(workflowId(orderId), run.runId)
    .describe();
  return await unlessStarted(() =>
    client.workflow.start(orderWorkflow, {
      workflowId: workflowId(orderId),
      taskQueue,
      args: [start],
      ...(memo === undefined ? {} : { memo }),
      typedSearchAttributes,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    }),
  );
}

async function unlessStarted(start: () => Promise<unknown>): Promise<boolean> {
  try {
    await start();
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

const LOOK_EVERY_MS = 100;

/** The report, with what was refused once the new run has decided on all that came to earlier ones. */
async function answered(
  { client, db }: Resuming,
  report: ResumeReport,
  asked: Asked,
  withinMs: number,
): Promise<ResumeReport> {
  const { orderId, outcome, messages, version = 0 } = report;
  if (outcome !== 'resumed') return report;
  for (const giveUpAt = Date.now() + withinMs; Date.now() < giveUpAt; await setTimeout(LOOK_EVERY_MS)) {
    const state = await client.connection
      .withDeadline(giveUpAt, () =>
        client.workflow.getHandle(workflowId(orderId)).query<OrderState>(stateQuery),
      )
      // It takes the order over and answers nothing yet, or there is no worker.
      .catch(() => undefined);
    if (state === undefined || state.unrecorded > 0) continue;
    const events = await readStored(db, orderId, { from: version + 1 });
    if (!events.some(({ commandId }) => commandId === asked.commandId)) continue;
    const refused = events.flatMap(({ type, commandId, data }) =>
      type === 'CommandRejected' && messages.includes(commandId)
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
