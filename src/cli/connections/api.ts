import { messageOf } from '../../outages/message-of.js';
import { parseExact } from '../script/exact-json.js';
import { exitCodes, Failure, usageFailure } from '../script/failure.js';

/** The part of the HTTP API that the scripts need. Its answers have the shape of the contract. */
export interface Api {
  /** such as `http://127.0.0.1:8080` */
  readonly url: string;
  /**
   * Leaves out members of the query that are undefined.
   *
   * @param signal ends the request; by default, it ends when the API takes too long
   */
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>;
  // `put`, `post`, `patch` and `delete` send JSON, and return the body of the answer.
  put<T>(path: string, body: unknown, headers?: Headers): Promise<T>;
  post<T>(path: string, body: unknown, headers?: Headers): Promise<T>;
  patch<T>(path: string, body: unknown, headers?: Headers): Promise<T>;
  delete<T>(path: string, body: unknown, headers?: Headers): Promise<T>;
  /** A `POST` that also returns the status and the headers of its answer. */
  postForAnswer<T>(path: string, body: unknown, headers: Headers): Promise<Answered<T>>;
  /** The body of a `GET` that does not end. It throws when the connection breaks. */
  open(path: string, headers: Headers): Promise<AsyncIterable<Uint8Array>>;
  /** A `POST` of a signed text, which is sent unchanged so that its signature stays valid. */
  postSigned(path: string, body: string, headers: Headers): Promise<void>;
}

export type Query = Readonly<Record<string, string | number | undefined>>;

/** A page of a list. */
export interface Page<T> {
  readonly data: readonly T[];
  /** absent after the last page */
  readonly nextCursor?: string;
}

export interface Answered<T> {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: T;
}

type Headers = Readonly<Record<string, string>>;
type Sent = readonly [path: string, body: unknown, headers?: Headers];

/** Longer than the API takes for any request. */
const ANSWER_WITHIN_MS = 40_000;

/**
 * Every call may throw a `Failure`: the API's problem, or `api_unreachable`.
 *
 * @param baseUrl such as `http://127.0.0.1:8080`, or with a path `https://shop.example/orders-api`
 * @param key an API key or an access token; sent with every request
 */
export function connectApi(baseUrl: string, key?: string): Api {
  const base = new URL(baseUrl);
  base.pathname = base.pathname.replace(/\/*$/, '/');
  const address = shown(base);
  async function request(
    path: string,
    query: Query,
    init: Pick<RequestInit, 'method' | 'body'> & { readonly headers?: Headers },
    signal: AbortSignal | null = AbortSignal.timeout(ANSWER_WITHIN_MS),
  ): Promise<Response> {
    const url = new URL(path.slice(1), base);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.append(name, String(value));
    }
    let response: Response;
    try {
      const headers = { ...init.headers, ...(key !== undefined && { authorization: `Bearer ${key}` }) };
      response = await fetch(url, { ...init, headers, signal });
    } catch (error) {
      if (signal?.aborted === true) throw unreachable(address, 'gives no answer');
      throw unreachable(address, `cannot be reached (${causeOf(error)})`);
    }
    if (!response.ok) throw await failureOf(address, response);
    return response;
  }
  async function sendJson<T>(method: string, path: string, body: unknown, headers: Headers = {}) {
    const init = { method, headers: { ...headers, 'content-type': 'application/json' } };
    const response = await request(path, {}, { ...init, body: JSON.stringify(body) });
    return { status: response.status, headers: response.headers, body: await jsonOf<T>(address, response) };
  }
  return {
    url: address,
    get: async (path, query = {}, signal?) => await jsonOf(address, await request(path, query, {}, signal)),
    put: async <T>(...sent: Sent) => (await sendJson<T>('PUT', ...sent)).body,
    post: async <T>(...sent: Sent) => (await sendJson<T>('POST', ...sent)).body,
    patch: async <T>(...sent: Sent) => (await sendJson<T>('PATCH', ...sent)).body,
    delete: async <T>(...sent: Sent) => (await sendJson<T>('DELETE', ...sent)).body,
    postForAnswer: async (...sent) => await sendJson('POST', ...sent),
    async open(path, headers) {
      const { body } = await request(path, {}, { headers }, null);
      return body ?? (async function* nothing() {})();
    },
    async postSigned(path, body, headers) {
      const init = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body };
      await (await request(path, {}, init)).body?.cancel();
    },
  };
}

/**
 * A path of the contract. Its parts are encoded, so that an id cannot lead to another path.
 *
 * @throws Failure for a part that no encoding keeps, such as `..`
 */
export function apiPath(strings: TemplateStringsArray, ...parts: readonly string[]): string {
  const lost = parts.find((part) => ['', '.', '..'].includes(part));
  if (lost !== undefined) throw usageFailure(`"${lost}" is no id`);
  return String.raw({ raw: strings }, ...parts.map(encodeURIComponent));
}

/**
 * Why a request could not be made, such as `ECONNREFUSED` or `CERT_HAS_EXPIRED`. `fetch` says only
 * that it failed.
 */
function causeOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
  return cause?.code ?? cause?.message ?? messageOf(error);
}

/** @throws Failure if the connection broke before the answer was complete, or it is not JSON */
async function jsonOf<T>(address: string, response: Response): Promise<T> {
  let text: string;
  try {
    text = await response.text();
  } catch {
    throw unreachable(address, 'has broken off its answer');
  }
  try {
    // The API answers with the shape of the contract.
    return parseExact(text) as T;
  } catch {
    const message = `the server at ${address} is not the API: say with --url where the API is`;
    throw new Failure(exitCodes.usage, { code: 'no_api', message });
  }
}

/** The address without its query, which may be secret. */
function shown({ origin, pathname }: URL): string {
  return `${origin}${pathname.replace(/\/$/, '')}`;
}

function unreachable(address: string, wrong: string): Failure {
  return new Failure(exitCodes.unavailable, {
    code: 'api_unreachable',
    message: `the API at ${address} ${wrong}: start it with \`npm start\`, or say with --url where it is`,
  });
}

/** RFC 9457 members that the contract uses. */
interface Problem {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string }[];
  readonly allowedCommands?: readonly string[];
}

async function failureOf(address: string, response: Response): Promise<Failure> {
  const { code, detail, title, errors, allowedCommands } = await problemOf(address, response);
  return new Failure(exitCodeOf(response.status), {
    code: code ?? `http_${response.status}`,
    message: `${detail ?? title ?? `the API at ${address} answered ${response.status}`}${remedyOf(code)}`,
    ...(errors?.[0] === undefined ? {} : { pointer: errors[0].pointer }),
    ...(allowedCommands === undefined ? {} : { allowedCommands }),
  });
}

function remedyOf(code = ''): string {
  const isWithoutKey = ['unauthenticated', 'invalid_key', 'invalid_token'].includes(code);
  return isWithoutKey ? ' The scripts take the key from ORDERS_KEY, or from the file of --key-file.' : '';
}

async function problemOf(address: string, response: Response): Promise<Problem> {
  try {
    return await jsonOf<Problem>(address, response);
  } catch {
    return {};
  }
}

/** The exit code for an HTTP status that is not a success. */
function exitCodeOf(status: number): number {
  switch (status) {
    case 404:
      return exitCodes.notFound;
    case 409:
    case 412:
    case 422:
      return exitCodes.refused;
    case 429:
    case 502:
    case 503:
    case 504:
      return exitCodes.unavailable;
    default:
      return status < 500 ? exitCodes.usage : exitCodes.unexpected;
  }
}
