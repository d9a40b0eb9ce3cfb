import { STATUS_CODES } from 'node:http';
import { Type } from 'typebox';

export interface RequestError {
  /** JSON pointer into the part of the request that `in` names */
  readonly pointer: string;
  readonly in: 'body' | 'query' | 'path' | 'header';
  /** a clause about that member, such as `must be …`, or the message of a `Refusal` */
  readonly detail: string;
}

/** Members of a problem besides its code and detail; `Problem` says what they mean. */
export interface ProblemMembers {
  readonly errors?: readonly RequestError[];
  readonly allowedCommands?: readonly string[];
  readonly version?: number;
  readonly orderStatus?: string;
  readonly head?: number;
  readonly generation?: number;
  readonly commonUntil?: number;
  readonly scope?: string;
}

/** An error answer. Thrown by handlers, and sent as RFC 9457 `application/problem+json`. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly code: string;
  readonly members: ProblemMembers;
  readonly headers: Readonly<Record<string, string>>;

  /**
   * @param detail whole sentences in plain words, each with a full stop: what is wrong, and what to
   *   do instead. For a refused command it is the message of the `Refusal`, a clause.
   */
  constructor(
    status: number,
    code: string,
    detail: string,
    members: ProblemMembers = {},
    headers: Readonly<Record<string, string>> = status === 503 ? { 'retry-after': '2' } : {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.members = members;
    this.headers = headers;
  }
}

/** The problem of a request or a record that is refused because of one of its headers. */
export function refusedHeader(name: string, code: string, detail: string): HttpProblem {
  return new HttpProblem(400, code, `header ${name}: ${detail}.`, {
    errors: [{ pointer: `/${name}`, in: 'header', detail }],
  });
}

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'a URN that ends with the code' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'for programs' }),
    detail: Type.String({ description: 'for people: what is wrong, and what would be right' }),
    help: Type.String({ description: 'the page of its cause and remedy, on this server' }),
    instance: Type.Optional(
      Type.String({ description: 'the path of the request; absent if it could not be read' }),
    ),
    correlationId: Type.String(),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.String({ description: 'JSON pointer' }),
          in: Type.Enum(['body', 'query', 'path', 'header']),
          detail: Type.String(),
        }),
      ),
    ),
    allowedCommands: Type.Optional(Type.Array(Type.String())),
    version: Type.Optional(
      Type.Integer({ description: 'a version for the next request, such as the current one of the order' }),
    ),
    orderStatus: Type.Optional(Type.String()),
    head: Type.Optional(Type.Integer({ description: 'the last position of the feed' })),
    generation: Type.Optional(Type.Integer({ description: 'the generation of the feed' })),
    commonUntil: Type.Optional(
      Type.Integer({ description: 'the position of the feed after which to continue' }),
    ),
    scope: Type.Optional(Type.String({ description: 'the scope that is missing' })),
  },
  { $id: 'Problem', description: 'RFC 9457 problem details' },
);

/** The response schemas of these error statuses. */
export function problemResponses<S extends number>(...statuses: readonly S[]) {
  const schemas = statuses.map((status) => [status, problemResponse(status)] as const);
  return Object.fromEntries(schemas) as Readonly<Record<S, ReturnType<typeof problemResponse>>>;
}

function problemResponse(status: number) {
  return {
    description: STATUS_CODES[status] ?? '',
    content: { 'application/problem+json': { schema: Type.Ref('Problem#') } },
  };
}

export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? url;
}

export function problemBody(
  { status, code, message, members }: HttpProblem,
  correlationId: string,
  instance?: string,
) {
  return {
    type: `urn:problem:${code}`,
    title: STATUS_CODES[status] ?? '',
    status,
    code,
    detail: message,
    help: `/docs/problems/${code}`,
    instance,
    correlationId,
    ...members,
  };
}

/** The headers and the body of a problem, for an answer that Fastify does not send. */
export function encodedProblem(found: HttpProblem, correlationId: string, instance?: string) {
  const body = JSON.stringify(problemBody(found, correlationId, instance));
  const headers = {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'x-correlation-id': correlationId,
    ...found.headers,
  };
  return { headers, body };
}
