import type { CommandAnswer } from '../../order-log.js';
import type { FastifyReply } from 'fastify';
import { HttpProblem } from '../problem.js';
import type { OrderProgress } from '../../views/cache/order-changes.js';
import type { OrderViews } from '../../views/cache/order-views.js';
import type { CommandResult, Refused } from './gateway.js';
import type { Preferences } from './request.js';

/** How a client wants a command answered. */
export interface AnswerOptions extends Preferences {
  /** answer when the view has the command's events */
  readonly projected: boolean;
}

/** Where the client does not say how long to wait. */
const PROJECTED_WITHIN_MS = 5_000;

/**
 * Answers with what came of a command, once the view is as far as the client asked for; when it does not get there in time,
 * the answer is given all the same. Neither changes the status. A `wait` is the most that is waited, whatever else is asked for.
 *
 * @throws HttpProblem where the command was not taken
 */
export async function answer(
  views: Pick<OrderViews, 'reach'>,
  reply: FastifyReply,
  status: 200 | 201,
  result: CommandResult,
  { respondAsync, waitSeconds, projected }: AnswerOptions,
): Promise<FastifyReply> {
  if (result.kind !== 'answered' && result.kind !== 'accepted') throw problemOf(result);
  if (result.replayed) reply.header('idempotent-replayed', 'true');
  if (result.kind === 'accepted' || respondAsync) {
    const orderId = result.kind === 'accepted' ? result.orderId : result.answer.orderId;
    reply.header('preference-applied', 'respond-async').header('location', `/v1/orders/${orderId}`);
    return await reply.code(202).send({ orderId });
  }
  let body: CommandAnswer & { readonly reached?: Reached } = result.answer;
  if (waitSeconds !== undefined || projected) {
    // To wait is no work, and would keep others from being taken on.
    reply.request.leave();
    const hasEvents = ({ version }: OrderProgress) => version >= result.answer.version;
    const isSettled = (progress: OrderProgress) => hasEvents(progress) && progress.settled;
    const progress =
      waitSeconds === undefined
        ? await views.reach(body.orderId, hasEvents, PROJECTED_WITHIN_MS)
        : await views.reach(body.orderId, isSettled, waitSeconds * 1_000);
    if (projected) reply.header('projected', String(progress !== undefined && hasEvents(progress)));
    if (waitSeconds !== undefined) {
      reply.header('preference-applied', `wait=${waitSeconds}`);
      body = {
        ...body,
        ...(progress && { reached: { version: progress.version, status: progress.status } }),
      };
    }
  }
  reply.header('etag', `"${body.version}"`).header('location', `/v1/orders/${body.orderId}`);
  return await reply.code(status).send(body);
}

/** Where an order has got to while its caller waited. The answer itself is the same, however often it is asked for. */
type Reached = Pick<OrderProgress, 'version' | 'status'>;

const statusOf = {
  invalid: 422,
  key_reused: 422,
  stale_version: 412,
  not_allowed: 409,
  halted: 409,
  not_found: 404,
  busy: 503,
  memory_from: 503,
} as const satisfies Record<Refused['refusal']['kind'], number>;

/** The one mapping from what became of a command that was not taken to HTTP. */
export function problemOf(result: Exclude<CommandResult, { kind: 'answered' | 'accepted' }>): HttpProblem {
  if (result.kind === 'unknown-outcome') {
    const detail =
      'There was no answer in time. The outcome is unknown: it may still take effect. Send it again with the same Idempotency-Key.';
    return new HttpProblem(503, 'outcome_unknown', detail);
  }
  const { refusal, allowedCommands, version, status } = result;
  const { kind, code, message, pointer } = refusal;
  return new HttpProblem(statusOf[kind], code, message, {
    ...(pointer === undefined ? {} : { errors: [{ pointer, in: 'body', detail: message }] }),
    ...(kind === 'not_allowed' && allowedCommands !== undefined ? { allowedCommands } : {}),
    ...(version === undefined ? {} : { version }),
    ...(status === undefined ? {} : { orderStatus: status }),
  });
}
