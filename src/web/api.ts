import { signal } from '@preact/signals';

/** A request failed: the API has sent a problem, or has not answered. */
export class Problem extends Error {
  override readonly name = 'Problem';
  /** 0 if there was no answer, or none that could be read */
  readonly status: number;
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
  constructor(status: number, code: string, message: string, body: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.body = body;
  }

  /** Whether the request may succeed when it is repeated in a moment. */
  get isOutage(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** A `Problem` as it is; any other error as a problem with the code `unreadable`. */
export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, 'unreadable', String(error));
}

/** A successful answer. */
export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

/** Whether the reader has to sign in: the API needs a key, and the browser has no valid one. */
export const isSignInNeeded = signal(false);

export interface RequestOptions extends Omit<RequestInit, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>;
}

export type GetOptions = Pick<RequestOptions, 'signal' | 'priority'>;

/** @throws Problem; a `DOMException` if `signal` aborts */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<Answer<T>> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, { ...options, headers: { accept: 'application/json', ...options.headers } });
    body = await response.json().catch(noJson);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, 'unreachable', 'The API does not answer.');
  }
  if (response.ok) return { status: response.status, body: body as T, headers: response.headers };
  if (response.status === 401) isSignInNeeded.value = true;
  const {
    code = `http_${response.status}`,
    detail,
    title,
  } = (body ?? {}) as Readonly<Record<string, string>>;
  throw new Problem(
    response.status,
    code,
    detail ?? title ?? `The API has answered ${response.status}.`,
    Object(body),
  );
}

/**
 * Treats a body that is not JSON as absent: it may be empty, or come from a proxy. An error of the
 * connection is thrown again.
 */
function noJson(error: unknown): undefined {
  if (Object(error).name !== 'SyntaxError') throw error;
}

/** @throws Problem; a `DOMException` if `signal` aborts */
export async function get<T>(path: string, options: GetOptions = {}): Promise<T> {
  return (await request<T>(path, options)).body;
}

/** @throws Problem */
export async function post<T>(
  path: string,
  body: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<T>> {
  return await send<T>('POST', path, body, headers);
}

/** @throws Problem */
export async function send<T>(
  method: 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body: object = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<T>> {
  return await request<T>(path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** The path with those query parameters that have a value. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}
