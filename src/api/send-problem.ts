import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isMongoOutage, isQueryTooSlow } from '../outages/mongo-outage.js';
import { isTemporalOutage } from '../outages/temporal-outage.js';
import { DeadlineExceeded } from '../outages/timeout.js';
import { loopDelay } from '../server/health/event-loop-delay.js';
import { HttpProblem, pathOf, problemBody } from './problem.js';

/**
 * If the event loop was delayed for longer, an answer of MongoDB may have arrived in time, but been
 * read too late.
 */
const STALLED_MS = 1_000;

/**
 * Sends what a route or the framework has thrown. An unexpected error is logged; the client gets
 * only its correlation id.
 */
export async function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const found = toProblem(error, request);
  if (found.status === 500) request.log.error({ err: error }, found.code);
  // Refusals under overload are counted and logged together (`admitRequests`).
  if (found.status > 500 && found.code !== 'overloaded') request.log.warn({ err: error }, found.code);
  await reply
    .code(found.status)
    .headers(found.headers)
    .type('application/problem+json')
    .send(problemBody(found, request.id, pathOf(request.url)));
}

function toProblem(error: unknown, request: FastifyRequest): HttpProblem {
  if (error instanceof HttpProblem) return error;
  // The client's connection failed. This is checked first, because the error has the same codes as
  // a failed connection to MongoDB.
  if (request.raw.errored !== null && request.raw.errored === error) {
    return new HttpProblem(400, 'request_aborted', 'The request ended before all of it had arrived.');
  }
  if (isQueryTooSlow(error)) {
    const detail = 'MongoDB stopped the query, because it took too long. Try again soon, or ask for less.';
    return new HttpProblem(503, 'query_too_slow', detail);
  }
  if (isMongoOutage(error) && loopDelay().most > STALLED_MS) {
    const cause = 'This process has too much to do: an answer of MongoDB was not read in time.';
    return request.method === 'GET'
      ? new HttpProblem(503, 'overloaded', `${cause} Try again soon.`)
      : new HttpProblem(
          503,
          'outcome_unknown',
          `${cause} The request may have taken effect: send it again with the same key.`,
        );
  }
  if (error instanceof DeadlineExceeded) {
    return new HttpProblem(503, 'mongodb_unavailable', 'MongoDB gave no answer in time. Try again soon.');
  }
  if (isMongoOutage(error)) {
    return new HttpProblem(503, 'mongodb_unavailable', 'MongoDB cannot be reached. Try again soon.');
  }
  if (isTemporalOutage(error)) {
    return new HttpProblem(503, 'temporal_unavailable', 'Temporal cannot be reached. Try again soon.');
  }
  return isFastifyError(error) ? ofFramework(error) : internal(request);

  function ofFramework({ code, statusCode = 500, message }: FastifyError): HttpProblem {
    const known = frameworkProblems[code];
    if (known !== undefined) return new HttpProblem(...known);
    if (statusCode >= 500) return internal(request);
    return new HttpProblem(statusCode, 'bad_request', message);
  }
}

const frameworkProblems: Readonly<Record<string, [status: number, code: string, detail: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'body_too_large', 'The body is larger than 1 MiB. Send less.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    415,
    'unsupported_media_type',
    'Send JSON, as Content-Type: application/json.',
  ],
  FST_ERR_CTP_INVALID_JSON_BODY: [
    400,
    'invalid_json',
    'The body is not valid JSON, or has a member __proto__ or constructor.prototype.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    'invalid_length',
    'The body is not as long as Content-Length says.',
  ],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'url_too_long', 'A part of the path is longer than 2,000 characters.'],
  FST_ERR_BAD_URL: [
    400,
    'invalid_url',
    'The URL is not encoded correctly: two hexadecimal digits follow each %.',
  ],
};

function internal({ id }: FastifyRequest): HttpProblem {
  return new HttpProblem(500, 'internal_error', `This should not have happened. It is logged under ${id}.`);
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && 'statusCode' in error;
}
