import { WorkflowNotFoundError } from '@temporalio/client';
import { endpointViews } from '../../delivery/webhooks/endpoints.js';
import { type Endpoint, type EndpointCommands, endpoints } from '../../endpoint/endpoint.js';
import { endpointLog } from '../../endpoint/endpoint-log.js';
import { createEntity } from '../../log/gateway/create-entity.js';
import { hashOf } from '../../log/gateway/derived-ids.js';
import { type CommandMeta, messageTo } from '../../log/gateway/message.js';
import {
  type Gone,
  outcomeInTime,
  type RefusedCommand,
  type UnknownOutcome,
} from '../../log/gateway/outcome.js';
import { sendCommand, type Sending } from '../../log/gateway/send-command.js';
import { workflowIdOf } from '../../log/entity-log/entity-log.js';
import { contiguous, fold } from '../../log/journal/fold.js';
import { readJournal } from '../../log/journal/read-journal.js';
import { type EntityState, stateQuery } from '../../log/workflow/messages.js';
import { committedInTime } from '../../mongodb/durability.js';
import { undefinedInOutage } from '../../outages/mongo-outage.js';
import type { HttpProblem } from '../problem.js';
import { noEndpoint } from '../schemas/endpoint-answer.js';
import { problemOf } from './answers.js';

/*
 * Sends commands to endpoints, for routes. Throws every outcome other than success as an
 * `HttpProblem`.
 */

/** The endpoint after a command. For a repeated command, the endpoint after the first execution. */
export interface EndpointResult {
  readonly endpoint: Endpoint;
  readonly replayed: boolean;
}

/**
 * @param body what the client sent; the same key with another body is refused
 * @throws HttpProblem 404 if the endpoint was created before, and deleted since; the problem of a
 *   refusal; 503 if the outcome is unknown
 */
export async function createEndpoint(
  to: Sending,
  endpointId: string,
  data: EndpointCommands['CreateEndpoint'],
  body: object,
  meta: CommandMeta,
): Promise<EndpointResult> {
  const type = endpoints.creation;
  const message = messageTo(endpointId, type, data, meta, hashOf({ type, endpointId, body }));
  const outcome = await createEntity(endpointLog, to, endpointId, message);
  if (outcome.kind !== 'created') throw problemOfEndpoint(endpointId, outcome);
  return { endpoint: outcome.state, replayed: outcome.replayed };
}

/**
 * @throws HttpProblem 404 if there is no such endpoint; the problem of a refusal; 503 if the
 *   outcome is unknown
 */
export async function commandEndpoint<T extends Exclude<keyof EndpointCommands, 'CreateEndpoint'>>(
  to: Sending,
  endpointId: string,
  type: T,
  data: EndpointCommands[T],
  meta: CommandMeta,
): Promise<EndpointResult> {
  const message = messageTo(endpointId, type, data, meta, hashOf({ type, endpointId, body: data }));
  const outcome = await outcomeInTime(to, endpointId, async () => {
    const sent = await sendCommand(endpointLog, to, endpointId, type, message);
    if (sent.kind !== 'answered') return sent;
    const { answer, replayed } = sent;
    const after = replayed ? stateAfter(to, endpointId, answer.version) : stateOf(to, endpointId);
    return { kind: 'answered', endpoint: await after, replayed } as const;
  });
  if (outcome.kind !== 'answered') throw problemOfEndpoint(endpointId, outcome);
  return outcome;
}

/**
 * The endpoint's state from its workflow, or from its view if Temporal has no such workflow.
 *
 * @throws HttpProblem 404 if there is no such endpoint, or it was deleted; 503 if Temporal or a
 *   worker does not answer in time
 */
export async function readEndpoint(to: Sending, endpointId: string): Promise<Endpoint> {
  const endpoint = await outcomeInTime(to, endpointId, async () => {
    try {
      return await stateOf(to, endpointId);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      return (await endpointViews(to.db).findOne({ _id: endpointId }, committedInTime))?.state;
    }
  });
  if (endpoint !== undefined && 'kind' in endpoint) throw problemOf(endpoint);
  if (endpoint === undefined || endpoint.status === 'deleted') throw noEndpoint(endpointId);
  return endpoint;
}

async function stateOf({ client }: Sending, endpointId: string): Promise<Endpoint> {
  const workflow = client.workflow.getHandle(workflowIdOf(endpointLog, endpointId));
  return (await workflow.query<EntityState<Endpoint>>(stateQuery)).order;
}

/**
 * The endpoint as it was at a version, or its current state if the journal does not have that
 * version yet or does not answer.
 */
async function stateAfter(to: Sending, endpointId: string, version: number): Promise<Endpoint> {
  const range = { limit: version, ...committedInTime };
  const events = await undefinedInOutage(readJournal(endpointLog, to.db, endpointId, range));
  const then = fold(endpointLog, contiguous(events ?? []));
  return then?.version === version ? then : await stateOf(to, endpointId);
}

function problemOfEndpoint(id: string, outcome: Gone | RefusedCommand | UnknownOutcome): HttpProblem {
  return outcome.kind === 'gone' ? noEndpoint(id) : problemOf(outcome);
}
