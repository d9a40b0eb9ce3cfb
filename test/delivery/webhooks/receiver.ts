import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { listen } from '../../support/listen.js';

/** A message as a receiver got it. */
export interface Received {
  readonly path: string;
  /** `webhook-id` */
  readonly id: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** Answers a message; without it, 204. */
export type Answer = (message: Received, response: ServerResponse) => void;

export interface Receiver {
  readonly url: string;
  /** all messages, including those that were not acknowledged */
  readonly received: Received[];
  /** Sets how messages to a path are answered from now on; undefined for 204. */
  answer(path: string, how: Answer | undefined): void;
  /** The ids of the messages to a path, each once, in the sequence of their first arrival. */
  ids(path: string): readonly string[];
  close(): Promise<void>;
}

/** A receiver of webhooks on the loopback interface. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const answers = new Map<string, Answer>();
  const server = createServer((request, response) => {
    void take(request, response);
  });
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const path = request.url ?? '';
    const id = String(request.headers['webhook-id']);
    const message = { path, id, headers: request.headers, body, event: JSON.parse(body) };
    received.push(message);
    const how = answers.get(path);
    if (how === undefined) response.writeHead(204).end();
    else how(message, response);
  }
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    answer(path, how) {
      if (how === undefined) answers.delete(path);
      else answers.set(path, how);
    },
    ids: (path) => [...new Set(received.filter((one) => one.path === path).map(({ id }) => id))],
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Whether one of a message's signatures was made with this secret. */
export function isSignedBy(secret: string, { headers, body }: Received): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
