import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Draft, State, StoredEvent } from '../entity.js';
import { type AnyLog, type EntityLog, type StartOptions, workflowIdOf } from '../entity-log/entity-log.js';
import { clearFork } from '../journal/fork.js';
import type { Databases, Deployment } from '../../databases.js';
import type { NewEntity, ResumedEntity } from '../workflow/inputs.js';
import { hashIn, type Message, type Signal } from '../workflow/messages.js';
import type { KeptRuns } from './kept-runs.js';
import type { ResumeCommand } from './resume-report.js';

/** Temporal limits a start argument to 2 MiB. Messages beyond this length are sent as signals. */
const MAX_CARRIED_CHARACTERS = 500_000;

/** What a resumed run starts from. */
interface Resumption<S> {
  readonly orderId: string;
  readonly command: ResumeCommand;
  readonly state: S;
  /** the run that is replaced; undefined if Temporal has none */
  readonly run: Pick<KeptRuns, 'runId'> | undefined;
  readonly journal: readonly StoredEvent[];
  /** the messages that the run handles again, in this order */
  readonly messages: readonly Signal[];
}

/**
 * Starts a run that takes its entity over from the journal. No run of the entity may be running.
 *
 * @returns false if another run was started meanwhile, or the journal has no event of the entity
 */
export async function startResumed<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, db, taskQueue, continueAsNewAfter }: Databases & Pick<ResumedEntity<S>, 'continueAsNewAfter'>,
  { orderId, command, state, run, journal, messages }: Resumption<S>,
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
  // The fork is removed before the start. Otherwise, if this process stopped in between, the new
  // run would be taken for a halted one.
  await clearFork(log, db, orderId);
  const isStarted = await startAgain(log, { client, taskQueue }, resumed, options);
  const handle = client.workflow.getHandle(workflowIdOf(log, orderId));
  if (isStarted)
    for (const { name, message } of messages.slice(carried.length))
      await handle.signal<[Message]>(name, message);
  return isStarted;
}

/** How many messages, counted from the first, fit into the start argument. */
function countThatFit(messages: readonly Signal[]): number {
  let characters = 0;
  const end = messages.findIndex(
    (one) => (characters += JSON.stringify(one).length) > MAX_CARRIED_CHARACTERS,
  );
  return end === -1 ? messages.length : end;
}

/**
 * Restarts an entity whose creation was accepted but never decided: from its start command, with
 * the messages that it received.
 *
 * @returns false if Temporal no longer has the start command, or another run was started meanwhile
 */
export async function restart(
  log: AnyLog,
  { client, taskQueue }: Deployment,
  orderId: string,
  run: KeptRuns | undefined,
): Promise<boolean> {
  if (run === undefined || !('create' in run.start)) return false;
  const start: NewEntity = { ...run.start, messages: run.messages };
  const ended = await client.workflow.getHandle(workflowIdOf(log, orderId), run.runId).describe();
  const { memo = {}, priority = {}, typedSearchAttributes } = ended;
  const [staticSummary = '', staticDetails = ''] = [await ended.staticSummary(), await ended.staticDetails()];
  const options = { memo, priority, typedSearchAttributes, staticSummary, staticDetails };
  return await startAgain(log, { client, taskQueue }, start, options);
}

/**
 * Starts a further run of an entity's workflow, which has ended.
 *
 * @param start the start argument of the run
 * @param options the options of the first run
 * @returns false if another run was started meanwhile
 */
async function startAgain(
  log: AnyLog,
  { client, taskQueue }: Deployment,
  start: NewEntity | ResumedEntity<unknown>,
  options: StartOptions,
): Promise<boolean> {
  try {
    await client.workflow.start(log.entity.name, {
      workflowId: workflowIdOf(log, start.orderId),
      ...options,
      taskQueue,
      args: [start],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

/**
 * The options of a further run, so that it is found and shown in Temporal like the first one.
 *
 * @param created the entity's first event
 */
function startOptionsAgain<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  state: S,
  created: StoredEvent,
): StartOptions {
  const { commandId, actor, onBehalfOf } = created;
  const hash = hashIn(created) ?? '';
  return log.startOptions(state, { commandId, hash, actor, ...(onBehalfOf !== undefined && { onBehalfOf }) });
}
