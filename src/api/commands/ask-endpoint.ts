import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { endpointViews } from '../../delivery/webhooks/endpoints.js';
import { endpointLog } from '../../endpoint/endpoint-log.js';
import type { Databases } from '../../databases.js';
import { refusalIn } from '../../log/history/refused-update.js';
import { recallCommands } from '../../log/journal/command-memory.js';
import { workflowIdOf } from '../../log/journal/entity-log.js';
import { didNothing } from '../../log/workflow/answer.js';
import { keyOf } from '../../log/workflow/command-id.js';
import { type Answer, type Message, messageId, messagesWaiting } from '../../log/workflow/messages.js';
import { isSameBody } from '../../log/workflow/obstacles.js';
import { answering } from '../../mongodb/durability.js';
import { noEndpoint } from '../schemas/endpoint-answer.js';
import { outcomeUnknown, problemOf } from './answers.js';
import { journalUnavailable, keyReused, workflowEnded } from './gateway/refusals.js';
import { isUnprocessed, RESEND_AFTER_MS } from './gateway/unprocessed.js';

/**
 * The endpoint's answer to a command. Sends the command again while no run has handled it. The
 * journal is asked for an earlier answer if the endpoint no longer remembers whether it had the
 * command, or its workflow has ended.
 *
 * @param giveUpAt in milliseconds since 1970
 * @throws HttpProblem if the command is refused, or its outcome is unknown
 */
export async function askEndpoint(
  { client, db }: Pick<Databases, 'client' | 'db'>,
  endpointId: string,
  type: string,
  first: Message,
  giveUpAt: number,
): Promise<Answer> {
  const workflow = client.workflow.getHandle(workflowIdOf(endpointLog, endpointId));
  let message = first;
  for (;;) {
    try {
      const updateId = messageId(message);
      return await workflow.executeUpdate<Answer, [Message]>(type, { args: [message], updateId });
    } catch (error) {
      if (error instanceof WorkflowNotFoundError)
        return await withoutWorkflow({ client, db }, endpointId, message);
      const refused = refusalIn(error);
      if (refused?.memoryFrom !== undefined) {
        const earlier = await earlierAnswer(db, endpointId, message, refused.memoryFrom);
        if (earlier !== undefined) return earlier;
        message = { ...message, absentUpTo: refused.memoryFrom };
        continue;
      }
      const isPassing = isUnprocessed(error) || refused?.refusal.code === messagesWaiting;
      if (isPassing && Date.now() + RESEND_AFTER_MS < giveUpAt) await pause(RESEND_AFTER_MS);
      else if (refused !== undefined) throw problemOf({ kind: 'refused', ...refused });
      else throw isPassing ? outcomeUnknown() : error;
    }
  }
}

/**
 * The earlier answer to a command whose endpoint was deleted, or whose workflow ended too early.
 */
async function withoutWorkflow(
  { client, db }: Pick<Databases, 'client' | 'db'>,
  endpointId: string,
  message: Message,
): Promise<Answer> {
  const view = await endpointViews(db).findOne({ _id: endpointId }, answering);
  if (view === null) throw noEndpoint(endpointId);
  const earlier = await earlierAnswer(db, endpointId, message, view.version);
  if (earlier !== undefined) return earlier;
  if (view.finished) throw noEndpoint(endpointId);
  const status = await statusOf(client, endpointId);
  // Another run has started in the meantime.
  if (status === 'RUNNING') throw outcomeUnknown();
  throw problemOf(workflowEnded(endpointId, status, endpointLog));
}

/**
 * The answer to an earlier try of a command, if the journal has its events up to this version.
 *
 * @throws HttpProblem 422 if the key was used with another body
 */
async function earlierAnswer(
  db: Db,
  endpointId: string,
  message: Message,
  upTo: number,
): Promise<Answer | undefined> {
  const asked = recallCommands(endpointLog, db, endpointId, [message.commandId], upTo);
  const [known] = await asked.catch(() => {
    throw problemOf(journalUnavailable());
  });
  if (known === undefined) return undefined;
  if (!isSameBody(known, message)) throw problemOf(keyReused(keyOf(message.commandId)));
  return didNothing(known) ? undefined : known.answer;
}

/** Temporal's status of the last run; undefined if Temporal knows no run. */
async function statusOf(client: Client, endpointId: string): Promise<string | undefined> {
  try {
    const { status } = await client.workflow.getHandle(workflowIdOf(endpointLog, endpointId)).describe();
    return status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
