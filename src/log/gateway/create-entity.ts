import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { append, type Appended } from '../append.js';
import type { Draft, Refused, State } from '../entity.js';
import type { Deployment } from '../../databases.js';
import { describeLatest, type RunHistory, runsOf, startArgument } from '../history/runs.js';
import { type EntityLog, workflowIdOf } from '../entity-log/entity-log.js';
import type { NewEntity, RunInput } from '../workflow/inputs.js';
import { causeOf, type Message } from '../workflow/messages.js';
import { keyConflict } from '../workflow/obstacles.js';
import { type Gone, outcomeInTime, type RefusedCommand, type UnknownOutcome } from './outcome.js';
import type { Sending } from './send-command.js';

/** The entity as it was right after its creation. A repeated creation gets the same state. */
export interface CreatedEntity<S> {
  readonly kind: 'created';
  readonly state: S;
  readonly replayed: boolean;
}

/** What the memo of a workflow says about the creation of its entity. */
interface CreationMemo {
  readonly hash?: string;
  /** ISO-8601 UTC: the `now` of the first answer; repeated answers are computed with it again */
  readonly answeredAt?: string;
}

/**
 * Creates an entity: decides its first events, and starts its workflow. After the answer `created`,
 * the entity is durable. Needs neither MongoDB nor a worker. An entity without personal data, such
 * as an endpoint, needs no more than this function. Orders are created by `createStarting`
 * (`api/commands/gateway`), which also seals personal data, and looks for an earlier creation in
 * the journal.
 *
 * @returns `gone` if it was created before, and has ended
 */
export async function createEntity<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  to: Omit<Sending, 'db'>,
  id: string,
  message: Message,
): Promise<CreatedEntity<S> | RefusedCommand | Gone | UnknownOutcome> {
  const now = new Date().toISOString();
  const created = decideCreation(log, id, message, now);
  if ('refusal' in created) {
    // If the same request was accepted under another configuration, that answer is repeated.
    const before = await outcomeInTime(to, id, () => earlierCreation(log, to.client, id, message));
    return before === undefined || before.kind === 'unknown-outcome'
      ? { kind: 'refused', ...created }
      : before;
  }
  return await outcomeInTime(to, id, async () => {
    const first = { orderId: id, create: message };
    if (await startEntity(log, to, created.state, first, { answeredAt: now }))
      return { kind: 'created', state: created.state, replayed: false };
    return (await earlierCreation(log, to.client, id, message)) ?? { kind: 'unknown-outcome', orderId: id };
  });
}

/** The answer to a repeated creation; undefined if Temporal has no workflow of the entity. */
async function earlierCreation<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  client: Client,
  id: string,
  message: Message,
): Promise<CreatedEntity<S> | RefusedCommand | Gone | undefined> {
  const workflowId = workflowIdOf(log, id);
  const described = await describeLatest(client, workflowId);
  if (described === undefined) return undefined;
  const { memo = {}, startTime, status } = described;
  // A workflow that an older version of the code started, or that was resumed, has no such time.
  const { hash = '', answeredAt = startTime.toISOString() }: CreationMemo = memo;
  const conflict = keyConflict(message, { hash });
  if (conflict !== undefined) return { kind: 'refused', refusal: conflict };
  if (status.name === 'COMPLETED') return { kind: 'gone' };
  const first = (await firstMessage(client, workflowId)) ?? message;
  const before = decideCreation(log, id, first, answeredAt);
  if ('refusal' in before) return { kind: 'refused', ...before };
  return { kind: 'created', state: before.state, replayed: true };
}

/**
 * The message that created an entity. A repetition of it may have other data, because the
 * configuration adds some. Undefined if Temporal no longer keeps the entity's first run.
 */
async function firstMessage(client: Client, workflowId: string): Promise<Message | undefined> {
  let first: RunHistory | undefined;
  for await (const run of runsOf(client, { workflowId })) first = run;
  // An entity's workflow is only ever started with a `RunInput`.
  const input = first && ((await startArgument(client, first)) as RunInput<unknown> | undefined);
  return input !== undefined && 'create' in input ? input.create : undefined;
}

/**
 * Decides the creation of an entity. The result is only used for the answer: the workflow decides
 * the events that are stored.
 */
export function decideCreation<S extends State, D extends Draft>(
  { entity }: EntityLog<S, D>,
  id: string,
  message: Message,
  now: string,
): Appended<S, D> | Refused {
  const decision = entity.decide(undefined, entity.creation, message.data, now);
  if ('refusal' in decision) return decision;
  return append(entity, id, undefined, decision.events, causeOf(message, now));
}

/**
 * Starts the workflow of a new entity.
 *
 * @param state the state after its first events
 * @param memo further members of the workflow's memo
 * @returns false if it was started before
 */
export async function startEntity<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, taskQueue }: Deployment,
  state: S,
  first: NewEntity,
  memo: Readonly<Record<string, string>>,
): Promise<boolean> {
  const options = log.startOptions(state, first.create);
  try {
    await client.workflow.start(log.entity.name, {
      workflowId: workflowIdOf(log, first.orderId),
      ...options,
      memo: { ...options.memo, ...memo },
      taskQueue,
      args: [first],
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
