import type { Logger } from './logger.js';
import { messageOf } from '../outages/message-of.js';

/**
 * Logs how it goes with something that is tried until it works: when it fails, when it fails in another way, and when it works
 * again. A line for each change, not for each try.
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
