import type { FastifyReply } from 'fastify';
import type { CommandAnswer } from '../../order-log.js';
import { HttpProblem } from '../problem.js';
import type { OrderProgress } from '../../views/cache/order-changes.js';
import type { CachedOrders } from '../../views/cache/cached-orders.js';
import type { CommandResult } from './gateway/gateway.js';
import type { RefusedCommand } from '../../log/gateway/outcome.js';
import type { Preferences } from './request.js';

/** How a client wants a command answered. */
export interface AnswerOptions extends Preferences {
  /** wait until the view has the command's events */
  readonly projected: boolean;
}

/** How long to wait for the view if the client does not say. */
const PROJECTED_WITHIN_MS = 5_000;

/**
 * Sends the outcome of a command, once the view has the state that the client waits for, or the
 * time is up. The status is the same in both cases. `Prefer: wait` limits every wait.
 *
 * @throws HttpProblem if the command was not accepted
 */
export async function answer(
  cachedOrders: Pick<CachedOrders, 'reach'>,
  reply: FastifyReply,
  status: 200 | 201,
  result: CommandResult,
  { respondAsync, waitSeconds, projected }: AnswerOptions,
): Promise<FastifyReply> {
  if (result.kind === 'refused' || result.kind === 'unknown-outcome') throw problemOf(result);
  if (result.replayed) reply.header('idempotent-replayed', 'true');
  if (result.kind === 'previewed') {
    const { preview } = result;
    if (preview.version > 0) reply.header('etag', `"${preview.version}"`);
    return await reply.code(200).send(preview);
  }
  if (result.kind === 'accepted' || respondAsync) {
    const orderId = result.kind === 'accepted' ? result.orderId : result.answer.orderId;
    reply.header('preference-applied', 'respond-async').header('location', `/v1/orders/${orderId}`);
    return await reply.code(202).send({ orderId });
  }
  let body: CommandAnswer & { readonly reached?: Reached } = result.answer;
  if (waitSeconds !== undefined || projected) {
    // A request that only waits gives its slot to another.
    reply.request.leave();
    const hasEvents = ({ version }: OrderProgress) => version >= result.answer.version;
    const isAtRest = (progress: OrderProgress) => hasEvents(progress) && progress.settled;
    const progress =
      waitSeconds === undefined
        ? await cachedOrders.reach(body.orderId, hasEvents, PROJECTED_WITHIN_MS)
        : await cachedOrders.reach(body.orderId, isAtRest, waitSeconds * 1_000);
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

/**
 * The order after the wait. If the same command is sent again, its answer differs only in these
 * members.
 */
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
} as const satisfies Record<RefusedCommand['refusal']['kind'], number>;

/**
 * Codes that are answered with 400, like an invalid body, because the body lacks a member, and the
 * order has no value to use instead.
 */
const incomplete: ReadonlySet<string> = new Set(['parcel_unknown']);

/** The problem if neither success nor refusal came in time. */
export function outcomeUnknown(): HttpProblem {
  const detail =
    'There was no answer in time. The outcome is unknown: it may still take effect. Send it again with the same Idempotency-Key.';
  return new HttpProblem(503, 'outcome_unknown', detail);
}

/** Maps every outcome other than success to HTTP. */
export function problemOf(
  result: Extract<CommandResult, { kind: 'refused' | 'unknown-outcome' }>,
): HttpProblem {
  if (result.kind === 'unknown-outcome') return outcomeUnknown();
  const { refusal, allowedCommands, version, status } = result;
  const { kind, code, message, pointer } = refusal;
  return new HttpProblem(incomplete.has(code) ? 400 : statusOf[kind], code, message, {
    ...(pointer === undefined ? {} : { errors: [{ pointer, in: 'body', detail: message }] }),
    ...(kind === 'not_allowed' && allowedCommands !== undefined ? { allowedCommands } : {}),
    ...(version === undefined ? {} : { version }),
    ...(status === undefined ? {} : { orderStatus: status }),
  });
}
