import { pause } from '../../concurrency/pause.js';
import { exitCodes, Failure } from '../script/failure.js';
import type { Session } from '../script/script.js';

/**
 * Asks the API again and again, until `resultIn` returns a value for its answer. Returns that
 * value. While the API does not answer, it continues to ask, and prints that once.
 *
 * @param beforeLine called before a line is printed
 * @throws Failure if the API refuses the request
 */
export async function pollUntil<T, R>(
  { terminal: { complain } }: Session,
  ask: () => Promise<T>,
  resultIn: (answer: T) => R | undefined | Promise<R | undefined>,
  { everyMs, beforeLine }: { readonly everyMs: number; readonly beforeLine?: () => void },
): Promise<R> {
  let isAway = false;
  for (;;) {
    await pause(everyMs);
    let answer: T;
    try {
      answer = await ask();
    } catch (error) {
      if (!(error instanceof Failure) || error.exitCode !== exitCodes.unavailable) throw error;
      if (!isAway) {
        beforeLine?.();
        complain(waiting(error));
      }
      isAway = true;
      continue;
    }
    isAway = false;
    const result = await resultIn(answer);
    if (result !== undefined) return result;
  }
}

/** What a script prints that waits until the API answers again. */
export function waiting({ message }: Failure): string {
  return `${message.replace(/\.$/, '')}; waiting for it`;
}
