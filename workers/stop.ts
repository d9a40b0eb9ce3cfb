import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../src/outages/message-of.js';

/** Something to close at the end. If it takes longer than its limit, it is abandoned. */
export interface Closer {
  readonly limitMs?: number;
  readonly close: () => Promise<void>;
}

/** After this long, another signal exits immediately. */
const IGNORE_SIGNALS_MS = 10_000;

/**
 * A signal that is aborted by the first SIGINT, SIGTERM or SIGHUP. Further ones are ignored while
 * the process stops, because Ctrl-C arrives twice: from the terminal and from npm.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  let since = 0;
  const stop = (): void => {
    if (!stopping.signal.aborted) {
      since = Date.now();
      stopping.abort();
    } else if (Date.now() - since > IGNORE_SIGNALS_MS) {
      process.exit(1);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  return stopping.signal;
}

/** Closes all in reverse order, one after another, even if some fail. */
export async function closeAll(closers: readonly Closer[]): Promise<void> {
  for (const { close, limitMs } of closers.toReversed()) {
    const closed = close().catch((error: unknown) => {
      process.stderr.write(`${messageOf(error)}\n`);
    });
    await (limitMs === undefined ? closed : Promise.race([closed, setTimeout(limitMs)]));
  }
}
