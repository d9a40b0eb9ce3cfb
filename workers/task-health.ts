import { logChanges } from '../src/server/log-changes.js';
import type { Logger } from '../src/server/logger.js';

/** Logs when a leased task begins to fail, and when it works again. */
export function healthIn(logger: Logger) {
  return (task: string) =>
    logChanges(logger, {
      fails: (problem) => `The task ${task} fails: ${problem}. It is tried again until it works.`,
      works: `The task ${task} works again.`,
    });
}
