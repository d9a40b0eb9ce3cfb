import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Db } from 'mongodb';
import { endpointViews } from '../../delivery/webhooks/endpoints.js';
import { type Endpoint, type EndpointCommands, endpoints } from '../../endpoint/endpoint.js';
import { endpointLog } from '../../endpoint/endpoint-log.js';
import { append } from '../../log/append.js';
import { workflowIdOf } from '../../log/journal/entity-log.js';
import { contiguous, fold } from '../../log/journal/fold.js';
import { readJournal } from '../../log/journal/read-journal.js';
import { causeOf, type EntityState, type Message, stateQuery } from '../../log/workflow/messages.js';
import { answering } from '../../mongodb/durability.js';
import { isTaskFailure, isTemporalOutage } from '../../outages/temporal-outage.js';
import { noEndpoint } from '../schemas/endpoint-answer.js';
import { HttpProblem } from '../problem.js';
import { outcomeUnknown, problemOf } from './answers.js';
import { askEndpoint } from './ask-endpoint.js';
import type { CommandMeta } from './gateway/gateway.js';
import { hashOf } from './gateway/derived-ids.js';
import { messageWith } from './gateway/message.js';

type Types = keyof EndpointCommands;

/**
 * Sends commands to the workflows of endpoints. It is for routes alone: it throws every refusal and
 * failure as the `HttpProblem` that answers the request.
 */
export interface EndpointGateway {
  /**
   * @param body what the client sent; the same key with another body is refused
   * @throws HttpProblem 404 if the endpoint was created before, and deleted since
   */
  create(
    endpointId: string,
    data: EndpointCommands['CreateEndpoint'],
    body: object,
    meta: CommandMeta,
  ): Promise<EndpointResult>;
  execute<T extends Exclude<Types, 'CreateEndpoint'>>(
    endpointId: string,
    type: T,
    data: EndpointCommands[T],
    meta: CommandMeta,
  ): Promise<EndpointResult>;
  /**
   * The endpoint by its workflow, or by its view if Temporal has no workflow of it; undefined if
   * there is none.
   */
  read(endpointId: string): Promise<Endpoint | undefined>;
}

/** The endpoint after a command. A repeated command gets the endpoint of the first answer. */
export interface EndpointResult {
  readonly endpoint: Endpoint;
  readonly replayed: boolean;
}

const ANSWER_WITHIN_MS = 5_000;

export function createEndpointGateway({
  client,
  db,
  taskQueue,
  answerWithinMs = ANSWER_WITHIN_MS,
}: {
  readonly client: Client;
  readonly db: Db;
  /** the task queue of the entities' workflows */
  readonly taskQueue: string;
  readonly answerWithinMs?: number | undefined;
}): EndpointGateway {
  const workflow = (endpointId: string) => client.workflow.getHandle(workflowIdOf(endpointLog, endpointId));

  /** @throws HttpProblem 503 if Temporal or the workers do not answer in time */
  async function inTime<R>(call: () => Promise<R>): Promise<R> {
    try {
      return await client.connection.withDeadline(Date.now() + answerWithinMs, call);
    } catch (error) {
      if (!isTemporalOutage(error) && !isTaskFailure(error)) throw error;
      throw outcomeUnknown();
    }
  }

  async function stateOf(endpointId: string): Promise<Endpoint> {
    return (await workflow(endpointId).query<EntityState<Endpoint>>(stateQuery)).order;
  }

  /**
   * The endpoint after a version, or its current state if the journal does not have that version
   * yet.
   */
  async function stateAfter(endpointId: string, version: number): Promise<Endpoint> {
    const events = await readJournal(endpointLog, db, endpointId, { limit: version, ...answering }).catch(
      () => [],
    );
    const then = fold(endpointLog, contiguous(events));
    return then?.version === version ? then : await stateOf(endpointId);
  }

  return {
    async create(endpointId, data, body, meta) {
      const message = messageTo(endpointId, 'CreateEndpoint', data, body, meta);
      const createdAt = (now: string) => {
        const decision = endpoints.decide(undefined, 'CreateEndpoint', data, now);
        if ('refusal' in decision) throw problemOf({ kind: 'refused', refusal: decision.refusal });
        return append(endpoints, endpointId, undefined, decision.events, causeOf(message, now)).state;
      };
      const now = new Date().toISOString();
      const state = createdAt(now);
      const options = endpointLog.startOptions(state, message);
      return await inTime(async () => {
        try {
          await client.workflow.start(endpoints.name, {
            workflowId: workflowIdOf(endpointLog, endpointId),
            ...options,
            // A repeated create gives the first answer again, which has this time.
            memo: { ...options.memo, answeredAt: now },
            taskQueue,
            args: [{ orderId: endpointId, create: message }],
            workflowIdReusePolicy: 'REJECT_DUPLICATE',
          });
          return { endpoint: state, replayed: false };
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
          const { memo, startTime, status } = await workflow(endpointId).describe();
          if (memo?.['hash'] !== message.hash) {
            const detail = `The key ${meta.key} was used with another body. Use a new key.`;
            throw new HttpProblem(422, 'key_reused', detail);
          }
          if (status.name === 'COMPLETED') throw noEndpoint(endpointId);
          // A workflow that an older version of the code started, or that was resumed, has no such
          // time.
          const { answeredAt = startTime.toISOString() } = memo;
          return { endpoint: createdAt(answeredAt as string), replayed: true };
        }
      });
    },

    execute: (endpointId, type, data, meta) =>
      inTime(async () => {
        const message = messageTo(endpointId, type, data, data, meta);
        const giveUpAt = Date.now() + answerWithinMs;
        const { requestId, version } = await askEndpoint({ client, db }, endpointId, type, message, giveUpAt);
        const replayed = requestId !== message.requestId;
        const endpoint = await (replayed ? stateAfter(endpointId, version) : stateOf(endpointId));
        return { endpoint, replayed };
      }),

    read: (endpointId) =>
      inTime(async () => {
        try {
          return await stateOf(endpointId);
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError)) throw error;
          return (await endpointViews(db).findOne({ _id: endpointId }, answering))?.state;
        }
      }),
  };
}

function messageTo<D>(
  endpointId: string,
  type: string,
  data: D,
  body: object,
  meta: CommandMeta,
): Message<D> {
  return messageWith(data, hashOf({ type, endpointId, body }), meta);
}
