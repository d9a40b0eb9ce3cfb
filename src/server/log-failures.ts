import type { Step } from '../order-log.js';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Logger } from './logger.js';
import { messageOf } from '../outages/message-of.js';

/**
 * Logs that an activity fails when it begins to, when it fails with another error than before, and when it is done after all:
 * a line for each change, not for each try. Each line names the order, the correlation id and the error's code.
 */
export function logFailures(logger: Logger): ActivityInterceptorsFactory {
  const failing = new FailingActivities();
  return ({ info, cancellationSignal }) => ({
    inbound: {
      async execute(input, next) {
        const { activityId, activityType: activity, attempt, workflowExecution } = info;
        const id = `${workflowExecution?.runId} ${activityId}`;
        const about = { activity, attempt, ...subjectOf(input.args[0], workflowExecution?.workflowId) };
        try {
          const result = await next(input);
          const wasKnown = failing.forget(id);
          if (wasKnown || attempt > 1) logger.info(about, 'A step that failed is done');
          return result;
        } catch (error) {
          // The worker stops, or the work was called off: no failure.
          if (cancellationSignal.aborted) throw error;
          const code = codeOf(error);
          const line = { ...about, code, err: error };
          if (error instanceof ApplicationFailure && error.nonRetryable === true) {
            failing.forget(id);
            logger.error(line, 'A step failed for good');
          } else if (failing.isNew(id, `${code} ${withoutNumbers(messageOf(error))}`)) {
            logger.warn(line, 'A step fails, and is tried until it is done');
          }
          throw error;
        }
      },
    },
  });
}

const rememberedAtMost = 10_000;

/** Which activities fail, and with what: the latest of them, as far as this process has seen it. */
class FailingActivities {
  private readonly errors = new Map<string, Set<string>>();

  isNew(id: string, error: string): boolean {
    const known = this.errors.get(id) ?? new Set();
    if (known.has(error)) return false;
    this.errors.set(id, known.add(error));
    const [oldest] = this.errors.keys();
    if (this.errors.size > rememberedAtMost && oldest !== undefined) this.errors.delete(oldest);
    return true;
  }

  forget(id: string): boolean {
    return this.errors.delete(id);
  }
}

/** What an activity is about: an order's step names it itself. */
function subjectOf(input: unknown, workflowId: string | undefined) {
  if (!isStep(input)) return { workflowId };
  const { events, effect } = input;
  const [first] = events;
  return {
    orderId: first?.orderId ?? effect?.key.split(':', 1)[0],
    correlationId: effect?.correlationId ?? events.at(-1)?.correlationId,
    ...(effect && { effect: effect.key }),
  };
}

function isStep(input: unknown): input is Step {
  return typeof input === 'object' && input !== null && 'events' in input && Array.isArray(input.events);
}

/** An error's own code; otherwise its type, or the name of its class. */
function codeOf(error: unknown): string {
  if (error instanceof ApplicationFailure && error.type) return error.type;
  if (!(error instanceof Error)) return 'unknown';
  // What ended a bulk write of MongoDB's.
  if ('errorResponse' in error && error.errorResponse instanceof Error) return codeOf(error.errorResponse);
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : error.name;
}

/** Ports, numbers of connections and times differ from try to try, and are no other error. */
function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+/g, '0');
}
