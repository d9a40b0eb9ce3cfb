import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import type { LogActivities, ResumptionActivities } from '../workflow/steps.js';
import { recallCommands } from '../journal/command-memory.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import { createRecorder, type Recorder } from './recording.js';
import { createResumptionActivities } from './resumption-activities.js';
import type { StepMetrics } from './step-metrics.js';

/** The activities that every entity's workflow has. */
export function createLogActivities<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  {
    db,
    stepMetrics,
    recorder = createRecorder(log, db),
  }: { readonly db: Db; readonly stepMetrics: StepMetrics; readonly recorder?: Recorder },
): LogActivities & ResumptionActivities {
  return {
    ...createResumptionActivities(log, db),
    record: async ({ events, resumption }) =>
      await stepMetrics.attempt('record', () =>
        stepMetrics.recording(events, () => recorder.record(events, resumption)),
      ),
    recall: async ({ orderId, commandIds, upTo }) => await recallCommands(log, db, orderId, commandIds, upTo),
  };
}
