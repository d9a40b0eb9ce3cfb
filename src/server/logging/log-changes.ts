import { messageOf } from '../../outages/message-of.js';
import type { Logger } from './logger.js';

/**
 * Logs the state of something that is retried until it works: the first failure, each different
 * failure, and the recovery. One line per change, not per attempt.
 */
export function logChanges(
  logger: Logger,
  { fails, works }: { readonly fails: (problem: string) => string; readonly works: string },
) {
  let problem: string | undefined;
  return {
    failed(error: unknown): void {
      const found = messageOf(error);
      if (found !== problem) logger.warn(fails(found));
      problem = found;
    },
    worked(): void {
      if (problem !== undefined) logger.info(works);
      problem = undefined;
    },
  };
}

/** Logs when a leased task begins to fail, and when it works again. */
export function healthIn(logger: Logger) {
  return (task: string) =>
    logChanges(logger, {
      fails: (problem) => `The task ${task} fails: ${problem}. It is tried again until it works.`,
      works: `The task ${task} works again.`,
    });
}
