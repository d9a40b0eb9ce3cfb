import { get, type IncomingMessage } from 'node:http';

export interface EventStream {
  /** number of bytes received so far */
  readonly bytes: () => number;
  /** Reads nothing for some time. */
  readonly rest: (ms: number) => void;
  readonly close: () => void;
}

/**
 * Reads Server-Sent Events; resolves when the server has begun to send.
 *
 * @param onEvent called with the `data` of each event
 * @param onBreak called once if the stream ends before it is closed here
 */
export async function openEventStream(
  url: string,
  onEvent: (data: string, stream: EventStream) => void,
  onBreak: (error: Error) => void,
): Promise<EventStream> {
  let bytes = 0;
  let isClosed = false;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, resolve).on('error', reject);
  });
  const stream: EventStream = {
    bytes: () => bytes,
    rest(ms) {
      response.pause();
      setTimeout(() => response.resume(), ms);
    },
    close() {
      isClosed = true;
      response.destroy();
    },
  };
  let begun = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    bytes += Buffer.byteLength(text);
    const lines = (begun + text).split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: ')) onEvent(line.slice(6), stream);
  });
  let cause: unknown;
  response.on('error', (error) => (cause = error));
  response.on('close', () => {
    if (!isClosed)
      onBreak(new Error(`The event stream of ${url} has ended (HTTP ${response.statusCode}).`, { cause }));
  });
  return stream;
}
