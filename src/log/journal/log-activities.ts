import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import type { LogActivities, ResumptionActivities } from '../workflow/steps.js';
import { recallCommands } from './command-memory.js';
import type { EntityLog } from './entity-log.js';
import { createRecorder, type Recorder } from './recording.js';
import { createResumptionActivities } from './resumption-activities.js';
import type { StepTally } from './step-tally.js';

/** The activities that every entity's workflow has. */
export function createLogActivities<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  {
    db,
    tally,
    recorder = createRecorder(log, db),
  }: { readonly db: Db; readonly tally: StepTally; readonly recorder?: Recorder },
): LogActivities & ResumptionActivities {
  return {
    ...createResumptionActivities(log, db),
    record: async ({ events, resumption }) =>
      await tally.attempt('record', () => tally.recording(events, () => recorder.record(events, resumption))),
    recall: async ({ orderId, commandIds, upTo }) => await recallCommands(log, db, orderId, commandIds, upTo),
  };
}
