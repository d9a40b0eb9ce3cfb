import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { HttpProblem, encodedProblem } from '../problem.js';
import type { Logger } from '../../server/logging/logger.js';

/**
 * Answers with a problem if Node could not parse a request, or the request took too long to arrive.
 * Closes the connection, because it is unknown where the next request starts.
 */
export function answerUnreadable(logger: Logger) {
  return (error: Unreadable, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const correlationId = randomUUID();
    // The error itself has the whole request, with its key and its personal data.
    logger.debug({ code: error.code, correlationId }, 'unreadable request');
    const problem = problemOf(error);
    const { headers, body } = encodedProblem(problem, correlationId);
    const head = [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      'connection: close',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  };
}

interface Unreadable extends Error {
  readonly code?: string;
  /** the received bytes, a `Buffer` */
  readonly rawPacket?: unknown;
}

/** A valid HTTP/1.1 request line, whose method Node does not know. */
const requestLine = /^[A-Z][A-Z-]* \S+ HTTP\/1\.[01]\r?\n/;
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

function problemOf({ code, rawPacket }: Unreadable): HttpProblem {
  if (
    code === 'HPE_INVALID_METHOD' &&
    Buffer.isBuffer(rawPacket) &&
    requestLine.test(rawPacket.toString('latin1'))
  ) {
    const detail = 'This method is not supported.';
    return new HttpProblem(405, 'method_not_allowed', detail, {}, { allow: methods });
  }
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpProblem(
        431,
        'headers_too_large',
        'The request line and the headers are larger than 16 KiB. Send less.',
      );
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpProblem(408, 'request_timeout', 'The request took too long to arrive. Send it again.');
    default:
      return new HttpProblem(400, 'malformed_request', 'This is not an HTTP/1.1 request.');
  }
}
