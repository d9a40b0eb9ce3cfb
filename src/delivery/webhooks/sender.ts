import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { messageOf } from '../../outages/message-of.js';
import { lookupPublic, refusePrivate } from './public-addresses.js';

export interface SendResult {
  readonly ms: number;
  /** absent if there was no answer */
  readonly status?: number;
  /** the beginning of the answer */
  readonly answer?: string;
  /** why there is no answer */
  readonly error?: string;
  /** how long the receiver asked to wait (`Retry-After`) */
  readonly retryAfterMs?: number;
}

/** Posts to receivers, which may be slow, broken or hostile. Redirects are not followed. */
export interface Sender {
  /** Never fails: errors are in the result. */
  post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<SendResult>;
  close(): void;
}

export interface SenderOptions {
  /** allows http and private addresses */
  readonly allowPrivate: boolean;
  /** timeout for connecting, sending and the whole answer; 10 s by default */
  readonly answerWithinMs?: number;
}

const ANSWER_WITHIN_MS = 10_000;
const MAX_READ_BYTES = 64 * 1024;
const MAX_KEPT_BYTES = 1_024;
const MAX_RETRY_AFTER_MS = 3_600_000;

export function createSender({ allowPrivate, answerWithinMs = ANSWER_WITHIN_MS }: SenderOptions): Sender {
  const options = { keepAlive: true, ...(!allowPrivate && { lookup: lookupPublic }) };
  const agents = { http: new HttpAgent(options), https: new HttpsAgent(options) };

  async function exchange(
    url: URL,
    body: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Omit<SendResult, 'ms'>> {
    if (!allowPrivate) refusePrivate(url);
    const isHttps = url.protocol === 'https:';
    const [request, agent] = isHttps ? [httpsRequest, agents.https] : [httpRequest, agents.http];
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request(url, { method: 'POST', agent, headers: { ...headers, ...length } });
    const late = setTimeout(
      () => sent.destroy(new Error(`no complete answer in ${answerWithinMs} ms`)),
      answerWithinMs,
    );
    try {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        const unanswered = () => reject(new Error('the connection was closed without an answer'));
        sent.once('response', resolve).on('error', reject).once('close', unanswered).end(body);
      });
      const text = await beginningOf(answer);
      const retryAfterMs = retryAfter(answer.headers['retry-after'], Date.now());
      return {
        status: answer.statusCode ?? 0,
        answer: text,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      };
    } finally {
      clearTimeout(late);
    }
  }

  return {
    async post(url, body, headers) {
      const begun = performance.now();
      const result = await exchange(new URL(url), body, headers).catch((error: unknown) => ({
        error: messageOf(error).slice(0, 500),
      }));
      return { ...result, ms: Math.round(performance.now() - begun) };
    },
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

/**
 * Reads up to `MAX_READ_BYTES` of an answer and returns the beginning; the rest is discarded.
 */
async function beginningOf(answer: IncomingMessage): Promise<string> {
  const kept: Buffer[] = [];
  let [size, read] = [0, 0];
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (size < MAX_KEPT_BYTES) kept.push(chunk.subarray(0, MAX_KEPT_BYTES - size));
    size = Math.min(MAX_KEPT_BYTES, size + chunk.length);
    read += chunk.length;
    // Leaving the loop destroys the connection.
    if (read > MAX_READ_BYTES) break;
  }
  return Buffer.concat(kept).toString('utf8');
}

/** `Retry-After`: seconds, or an HTTP date. */
export function retryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}
