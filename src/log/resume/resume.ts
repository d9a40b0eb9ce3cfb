import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { messageOf } from '../../outages/message-of.js';
import { isServerError } from '../../outages/server-error.js';
import type { Draft, State, StoredEvent } from '../entity.js';
import { committed } from '../../mongodb/durability.js';
import { type AnyLog, type EntityLog, workflowIdOf } from '../entity-log/entity-log.js';
import { stateViews } from '../entity-log/state-view.js';
import { clearFork, forks, noteFork } from '../journal/fork.js';
import type { Databases } from '../../databases.js';
import { readHistoryLog } from '../history/history.js';
import { readStoredEvents } from '../journal/read-journal.js';
import { restoreLog } from '../journal/truncated-log.js';
import { setAside } from '../journal/set-aside.js';
import { updateStateView } from '../recording/update-state-view.js';
import { clearStopped, markStopped } from '../journal/stops.js';
import { keyOf } from '../workflow/command-id.js';
import type { Signal } from '../workflow/messages.js';
import { type KeptRuns, readKeptRuns } from './kept-runs.js';
import { type Plan, planResumption, type Repairs } from './resume-plan.js';
import { reportOf, type ResumeCommand, type ResumeReport, withRefusals } from './resume-report.js';
import { restart, startResumed } from './start-again.js';

export interface ResumeDeps extends Databases {
  /** see `NewEntity` */
  readonly continueAsNewAfter?: number;
}

export interface ResumeOptions {
  /** only report what would be done */
  readonly isDryRun?: boolean;
  /** how long to wait for the new run, to report what it refused; not at all by default */
  readonly answerWithinMs?: number;
}

/** Maximum number of attempts while other resumptions or runs interfere. */
const MAX_ATTEMPTS = 4;

/**
 * Resumes an entity whose workflow ended before the entity was finished, was restored to an earlier
 * state, or is halted. The journal decides what happened (see `planResumption`). A longer history
 * that agrees with the journal is recorded first. The new run loads the log from the journal by
 * itself (`resumeFromJournal` in `log/workflow/resumption.ts`), by activities that also write the
 * resumption to the journal (`log/recording/resumption-activities.ts`).
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
  for (let attempt = 1; ; attempt += 1) {
    const { plan, run, journal }: Inspected<S> = await inspect(log, deps, orderId, isReplaced);
    const planned = reportOf(log, orderId, plan, journal, command);
    if (isDryRun || planned.outcome === 'already_resumed') return planned;
    const report = await carryOut(log, deps, { orderId, command, plan, run, planned });
    if (report !== undefined) return await withRefusals(log, deps, report, command, answerWithinMs);
    // The run was terminated, so the next plan must start another one.
    isReplaced ||= plan.kind === 'resume' && run?.isRunning === true;
    if (attempt === MAX_ATTEMPTS)
      return { ...planned, outcome: 'already_resumed', detail: 'another resumption came first' };
  }
}

interface Inspected<S> {
  readonly plan: Plan<S>;
  readonly run: KeptRuns | undefined;
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
  const journal = await readStoredEvents(log, db, orderId);
  let run: KeptRuns | undefined;
  try {
    run = await readKeptRuns(log, client, orderId);
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

interface Action<S> {
  readonly orderId: string;
  readonly command: ResumeCommand;
  readonly plan: Plan<S>;
  readonly run: KeptRuns | undefined;
  readonly planned: ResumeReport;
}

/** @returns undefined if the situation has changed, so that the entity has to be inspected again */
async function carryOut<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: ResumeDeps,
  { orderId, command, plan, run, planned }: Action<S>,
): Promise<ResumeReport | undefined> {
  const { client, db } = deps;
  switch (plan.kind) {
    case 'unknown':
    case 'resuming':
      return planned;
    case 'incomplete': {
      const { detail, remedy = log.cliLines.resume(orderId) } = planned;
      await markStopped(log, db, orderId, { code: 'workflow_ended', detail, remedy });
      return planned;
    }
    case 'contradiction':
      await noteFork(log, db, plan.journal, plan.history);
      return planned;
    case 'restart':
      return (await restart(log, deps, orderId, run)) ? planned : undefined;
    case 'running':
    case 'ended':
      await repair(log, db, orderId, plan);
      if (plan.kind === 'ended') await clearFork(log, db, orderId);
      await clearStopped(log, db, orderId);
      return planned;
    case 'resume': {
      if (run?.isRunning === true) {
        // If the run decides something before it is terminated, the next inspection finds it.
        await terminate(log, client, orderId, run.runId);
        return undefined;
      }
      await repair(log, db, orderId, plan);
      const journal = await readStoredEvents(log, db, orderId);
      const messages = unrecordedMessages(log, run?.messages ?? [], journal);
      const resumption = { orderId, command, state: plan.state, run, journal, messages };
      const isStarted = await startResumed(log, deps, resumption);
      if (!isStarted) return undefined;
      return { ...planned, messages: messages.map(({ message }) => message.commandId) };
    }
    default:
      return plan satisfies never;
  }
}

async function repair<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  orderId: string,
  { record, setAside: beyond }: Repairs,
): Promise<void> {
  if (record.length === 0 && beyond.length === 0) return;
  await setAside(log, db, beyond);
  if (record.length > 0) await restoreLog(log, db, record);
  await updateStateView(log, db, orderId);
}

/**
 * The messages that must be handled again, because they have no event in the journal. Messages are
 * handled in order. So a command that has no event, but came before a message that has one, was
 * refused: it is left out. Facts are never refused, so they are kept.
 */
function unrecordedMessages<S extends State, D extends Draft>(
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
