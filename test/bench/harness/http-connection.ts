import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Block } from './interleave.js';

const OVERLOADED_FOR_MS = 100;

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * A connection that is kept open, with one request at a time. It does as little work as possible,
 * so that the server is measured. Answers must have a `Content-Length`, as JSON answers do.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #headers: Readonly<Record<string, string>>;
  #received: Buffer = Buffer.alloc(0);
  #settle:
    { readonly resolve: (answer: HttpAnswer) => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket, host: string, headers: Readonly<Record<string, string>>) {
    this.#socket = socket;
    this.#host = host;
    this.#headers = headers;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('The server closed the connection.')));
  }

  /**
   * @param address `http://host:port`
   * @param headers sent with every request
   */
  static async open(
    address: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpConnection> {
    const { hostname, port, host } = new URL(address);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new HttpConnection(socket, host, headers);
  }

  get(path: string): Promise<HttpAnswer> {
    return this.#send(`GET ${path} HTTP/1.1\r\n${this.#lines({})}\r\n`);
  }

  /**
   * Sends JSON, and reads the JSON answer. Repeats the request after a refusal for overload, as a
   * client does, because other work on the machine may be the cause. @throws Error for any other
   * status
   */
  async post<T>(
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
    status: number,
  ): Promise<T> {
    let answer = await this.tryPost(path, body, headers);
    while (answer.status === 503) {
      await setTimeout(OVERLOADED_FOR_MS);
      answer = await this.tryPost(path, body, headers);
    }
    if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${answer.body.toString()}`);
    // The API promises this shape.
    return JSON.parse(answer.body.toString()) as T;
  }

  /** Sends JSON, whatever the answer will be. */
  tryPost(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    const text = JSON.stringify(body);
    const lines = this.#lines({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      ...headers,
    });
    return this.#send(`POST ${path} HTTP/1.1\r\n${lines}\r\n${text}`);
  }

  #lines(more: Readonly<Record<string, string>>): string {
    const headers = { host: this.#host, ...this.#headers, ...more };
    return Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(request: string): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) throw new Error('The server has closed the connection.');
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const end = headEnd + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
    if (this.#received.length < end) return;
    const answer = { status: Number(head.slice(9, 12)), body: this.#received.subarray(headEnd + 4, end) };
    const settle = this.#settle;
    this.#settle = undefined;
    this.#received = Buffer.alloc(0);
    if (Number.isNaN(end)) settle?.reject(new Error(`An answer without a Content-Length:\n${head}`));
    else settle?.resolve(answer);
  }
}

export interface HttpLoad {
  /** each sends one request after the other */
  readonly connections: readonly HttpConnection[];
  readonly ms: number;
  /** the path of the next request */
  readonly path: () => string;
}

/**
 * Sends a request as soon as the previous one is answered. @throws Error at the first answer that
 * is not 200
 */
export async function askFor({ connections, ms, path }: HttpLoad): Promise<Block> {
  const times: number[] = [];
  const start = performance.now();
  const lane = async (connection: HttpConnection): Promise<void> => {
    for (let before = performance.now(); before - start < ms;) {
      const asked = path();
      const { status, body } = await connection.get(asked);
      if (status !== 200) throw new Error(`${asked}: ${status} ${body.toString()}`);
      const after = performance.now();
      times.push(after - before);
      before = after;
    }
  };
  await Promise.all(connections.map(lane));
  return { operations: times.length, ms: performance.now() - start, times };
}
