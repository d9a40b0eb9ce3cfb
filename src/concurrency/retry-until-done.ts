import { type BackOff, backOffMs } from './back-off.js';
import { pause } from './pause.js';

/** How work is attempted again. */
export interface Retrying {
  /** stops the retries */
  readonly signal: AbortSignal;
  readonly backOff: BackOff;
  /** called after each attempt */
  readonly health?: { failed(error: unknown): void; worked(): void };
}

/** Attempts the work until it succeeds, or `signal` aborts. It never fails. */
export async function retryUntilDone(
  work: () => Promise<unknown>,
  { signal, backOff, health }: Retrying,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await work();
      health?.worked();
      return;
    } catch (error) {
      health?.failed(error);
      await pause(backOffMs(failures, backOff), signal);
    }
  }
}
