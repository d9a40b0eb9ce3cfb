import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import { type EntityStep, eventFork, type LogActivities } from './steps.js';

/**
 * An outage only delays an activity: it is retried without limit. Only a fork of the log, and a run
 * that was replaced, are final, because no retry can repair them. The failure of a replaced run says
 * itself that it is not retried (`supersededFailure`).
 */
export const untilDone: ActivityOptions = {
  startToCloseTimeout: '10s',
  retry: {
    initialInterval: '200ms',
    backoffCoefficient: 2,
    maximumInterval: '10s',
    nonRetryableErrorTypes: [eventFork],
  },
};

export const { record, recall } = proxyActivities<LogActivities>(untilDone);

/** The activity that performs an effect, by the effect's type. */
export const performers = proxyActivities<Record<string, (step: EntityStep) => Promise<unknown>>>(untilDone);
