import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../src/outages/message-of.js';

export type Close = () => Promise<void>;

/** What is closed at the same time. */
export interface ClosingStep {
  /** If closing takes longer, the next step begins; by default, there is no limit. */
  readonly limitMs?: number;
  readonly closes: readonly Close[];
}

/** Further signals are ignored for this long. After that, another signal exits immediately. */
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

/** Closes one step after another, even if something in a step cannot be closed. */
export async function closeInOrder(steps: readonly ClosingStep[]): Promise<void> {
  for (const { closes, limitMs } of steps) {
    const closed = Promise.all(closes.map(closeOne));
    await (limitMs === undefined ? closed : Promise.race([closed, setTimeout(limitMs)]));
  }
}

/** Closes one after another, the last one first, even if one cannot be closed. */
export async function closeInReverse(closes: readonly Close[]): Promise<void> {
  for (const close of closes.toReversed()) await closeOne(close);
}

async function closeOne(close: Close): Promise<void> {
  try {
    await close();
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
  }
}
