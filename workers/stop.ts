import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../src/outages/message-of.js';

/** Something to be closed at the end. One that takes longer than its limit is left as it is. */
export interface Closer {
  readonly limitMs?: number;
  readonly close: () => Promise<void>;
}

/** After this long, a further signal ends the process at once. */
const PATIENCE_MS = 10_000;

/**
 * Aborted by the first SIGINT, SIGTERM or SIGHUP. More of them change nothing while the process stops, for Ctrl-C
 * reaches it twice: from the terminal, and handed on by npm.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  let since = 0;
  const stop = (): void => {
    if (!stopping.signal.aborted) {
      since = Date.now();
      stopping.abort();
    } else if (Date.now() - since > PATIENCE_MS) {
      process.exit(1);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  return stopping.signal;
}

/** Closes in the reverse of the order given, one after the other, whatever fails. */
export async function closeAll(closers: readonly Closer[]): Promise<void> {
  for (const { close, limitMs } of closers.toReversed()) {
    const closed = close().catch((error: unknown) => {
      process.stderr.write(`${messageOf(error)}\n`);
    });
    await (limitMs === undefined ? closed : Promise.race([closed, setTimeout(limitMs)]));
  }
}
