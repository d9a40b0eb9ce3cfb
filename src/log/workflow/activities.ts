import { type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { EntityStep, LogActivities } from './steps.js';

/**
 * An outage only delays an activity: it is retried without limit. A fork of the log, and a run that
 * was replaced, are final: their failures are thrown as not retryable.
 */
export const untilDone: ActivityOptions = {
  startToCloseTimeout: '10s',
  retry: {
    initialInterval: '200ms',
    backoffCoefficient: 2,
    maximumInterval: '10s',
  },
};

export const { record, recall } = proxyActivities<LogActivities>(untilDone);

/** The activity that performs an effect, by the effect's type. */
export const performers = proxyActivities<Record<string, (step: EntityStep) => Promise<unknown>>>(untilDone);
