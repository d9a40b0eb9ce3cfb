import { proxySinks, type Sink, type Sinks, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import type { Step } from '../../src/workflows/messages.js';

/** What a replayed workflow gives its activities. */
export interface StepSinks extends Sinks {
  probe: Sink & { step(step: Step): void };
}

/** Workflow interceptors for replays: each step is told as it is decided again, whatever the history has. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const { probe } = proxySinks<StepSinks>();
  return {
    outbound: [
      {
        // Not async: that would put the command in another place among the others.
        scheduleActivity(input, next) {
          // The one argument of every activity of an order.
          probe.step(input.args[0] as Step);
          return next(input);
        },
      },
    ],
  };
};
