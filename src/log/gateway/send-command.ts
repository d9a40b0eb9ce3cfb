import {
  ApplicationFailure,
  type Client,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { committedInTime } from '../../mongodb/durability.js';
import { isTaskFailure } from '../../outages/temporal-outage.js';
import type { Draft, State } from '../entity.js';
import type { Databases } from '../../databases.js';
import { refusalIn } from '../history/refused-update.js';
import { describeLatest } from '../history/runs.js';
import { recallCommands } from '../journal/command-memory.js';
import { type AnyLog, type EntityLog, workflowIdOf } from '../entity-log/entity-log.js';
import { stateViews } from '../entity-log/state-view.js';
import { type Answer, type Message, messageId } from '../workflow/messages.js';
import { type Asking, askRepeatedly, earlierOutcome } from './ask-repeatedly.js';
import { ANSWER_WITHIN_MS, type Gone, outcomeInTime, type Outcome, workflowEnded } from './outcome.js';

/** Where commands are sent, and how long to wait for an answer; `ANSWER_WITHIN_MS` by default. */
export interface Sending extends Databases {
  readonly answerWithinMs?: number | undefined;
}

/**
 * Sends a command to an entity, and waits some seconds for the answer. A command that was answered
 * before gets the same answer, also after the end of the entity. An entity without personal data,
 * such as an endpoint, needs no more than this function. Commands to orders are sent by
 * `createGateway` (`api/commands/gateway`), which also seals personal data.
 *
 * @throws errors of MongoDB if no workflow runs and the view cannot be read
 */
export async function sendCommand<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, db, answerWithinMs = ANSWER_WITHIN_MS }: Omit<Sending, 'taskQueue'>,
  id: string,
  type: string,
  message: Message,
): Promise<Outcome | Gone> {
  const recall: Asking['recall'] = (...asked) => recallCommands(log, db, ...asked);
  return await outcomeInTime({ client, answerWithinMs }, id, async () => {
    const sent = await sendUpdate(log, { client, recall, answerWithinMs }, id, type, message);
    if (sent.kind !== 'no-workflow') return sent;
    const view = await stateViews(log, db).findOne({ _id: id }, committedInTime);
    if (view === null) return { kind: 'gone' };
    const earlier = await earlierOutcome(message, recall(id, [message.commandId], view.version));
    if (earlier !== undefined) return earlier;
    if (view.finished) return { kind: 'gone' };
    const status = await lastStatus(log, client, id);
    // Another run has started in the meantime.
    if (status === 'RUNNING') return { kind: 'unknown-outcome', orderId: id };
    return workflowEnded(log, id, status);
  });
}

/** No workflow runs: the entity has ended or never existed, or its workflow has ended too early. */
interface NoWorkflow {
  readonly kind: 'no-workflow';
}

/**
 * Sends a command to an entity's workflow. The caller sets the deadline of the calls to Temporal.
 */
export function sendUpdate(
  log: AnyLog,
  asking: Asking,
  id: string,
  type: string,
  message: Message,
): Promise<Outcome | NoWorkflow> {
  const handle = asking.client.workflow.getHandle(workflowIdOf(log, id));
  return askRepeatedly<Outcome | NoWorkflow>(asking, id, message, async (sent) => {
    try {
      const options = { args: [sent] as [Message], updateId: messageId(sent) };
      const { requestId, ...answer } = await handle.executeUpdate<Answer, [Message]>(type, options);
      return { kind: 'answered', answer, replayed: requestId !== sent.requestId };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { kind: 'no-workflow' };
      if (isUnprocessed(error)) return 'unprocessed';
      const refused = refusalIn(error);
      if (refused === undefined) throw error;
      return { kind: 'refused', ...refused };
    }
  });
}

/**
 * Types of errors which say that a run ended before it handled an update, such as by
 * continue-as-new. The next run takes the update under the same id.
 */
const unprocessed = new Set(['UnprocessedUpdate', 'AcceptedUpdateCompletedWorkflow']);

/** True if no run has handled an update, so that it can be sent again with the same id. */
function isUnprocessed(error: unknown): boolean {
  if (isTaskFailure(error)) return true;
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure))
    return false;
  return unprocessed.has(error.cause.type ?? '');
}

/** Temporal's status of an entity's last run; undefined if Temporal knows no run. */
export async function lastStatus(log: AnyLog, client: Client, id: string): Promise<string | undefined> {
  return (await describeLatest(client, workflowIdOf(log, id)))?.status.name;
}
