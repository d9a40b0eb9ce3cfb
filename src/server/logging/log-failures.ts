import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Step } from '../../order-log.js';
import { orderIdInKey } from '../../log/entity.js';
import { messageOf } from '../../outages/message-of.js';
import type { Logger } from './logger.js';

/**
 * Logs when an activity starts to fail, when it fails with an error that it had not failed with
 * before, and when it succeeds after all: not one line per attempt. A line has the order and the
 * correlation id, or else the workflow; a failure also has the error's code.
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
          if (wasKnown || attempt > 1) logger.info(about, 'An activity that failed has succeeded');
          return result;
        } catch (error) {
          // This is not a failure: the worker is shutting down, or the activity was cancelled.
          if (cancellationSignal.aborted) throw error;
          const code = codeOf(error);
          const line = { ...about, code, err: error };
          if (error instanceof ApplicationFailure && error.nonRetryable === true) {
            failing.forget(id);
            logger.error(line, 'An activity failed and is not retried');
          } else if (failing.isNew(id, `${code} ${withoutNumbers(messageOf(error))}`)) {
            logger.warn(line, 'An activity fails and is retried until it succeeds');
          }
          throw error;
        }
      },
    },
  });
}

const MAX_REMEMBERED = 10_000;

/**
 * The errors of failing activities that this process has seen. The oldest are forgotten when there
 * are too many.
 */
class FailingActivities {
  private readonly errors = new Map<string, Set<string>>();

  isNew(id: string, error: string): boolean {
    const known = this.errors.get(id) ?? new Set();
    if (known.has(error)) return false;
    this.errors.set(id, known.add(error));
    const [oldest] = this.errors.keys();
    if (this.errors.size > MAX_REMEMBERED && oldest !== undefined) this.errors.delete(oldest);
    return true;
  }

  forget(id: string): boolean {
    return this.errors.delete(id);
  }
}

/** What an activity works on: the order of a step, otherwise the workflow. */
function subjectOf(input: unknown, workflowId: string | undefined) {
  if (!isStep(input)) return { workflowId };
  const { events, effect } = input;
  const [first] = events;
  return {
    orderId: first?.orderId ?? (effect && orderIdInKey(effect.key)),
    correlationId: effect?.correlationId ?? events.at(-1)?.correlationId,
    ...(effect && { effect: effect.key }),
  };
}

function isStep(input: unknown): input is Step {
  return typeof input === 'object' && input !== null && 'events' in input && Array.isArray(input.events);
}

/** The type of an `ApplicationFailure`; otherwise the error's code, or its class name. */
function codeOf(error: unknown): string {
  if (error instanceof ApplicationFailure && error.type) return error.type;
  if (!(error instanceof Error)) return 'unknown';
  // The error of a bulk write contains the error that ended it.
  if ('errorResponse' in error && error.errorResponse instanceof Error) return codeOf(error.errorResponse);
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : error.name;
}

/**
 * Replaces all numbers, because ports, connection numbers and times differ between attempts that
 * fail with the same error.
 */
function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+/g, '0');
}
