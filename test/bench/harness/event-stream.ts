import { get, type IncomingMessage } from 'node:http';

export interface EventStream {
  /** number of characters received so far; equal to the number of bytes if all are ASCII */
  readonly bytes: () => number;
  /** Reads nothing for some time. */
  readonly rest: (ms: number) => void;
  readonly close: () => void;
}

/**
 * Reads Server-Sent Events; resolves when the server has begun to send. @param onEvent called with
 * the `data` of each event
 */
export async function openEventStream(
  url: string,
  onEvent: (data: string, stream: EventStream) => void,
): Promise<EventStream> {
  let bytes = 0;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, resolve).on('error', reject);
  });
  const stream: EventStream = {
    bytes: () => bytes,
    rest(ms) {
      response.pause();
      setTimeout(() => response.resume(), ms);
    },
    close: () => void response.destroy(),
  };
  let begun = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    bytes += text.length;
    const lines = (begun + text).split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('data: ')) onEvent(line.slice(6), stream);
  });
  // Either side has closed the connection. Nobody is told, so a caller that waits for events needs
  // a time limit.
  response.on('error', () => undefined);
  return stream;
}
