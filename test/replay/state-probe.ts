import { proxySinks, type Sink, type Sinks, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { getActivator } from '@temporalio/workflow/lib/global-attributes.js';
import { type OrderState, stateQuery } from '../../src/workflows/messages.js';

/** What a replayed workflow tells of itself. */
export interface ProbeSinks extends Sinks {
  probe: Sink & { state(state: OrderState): void };
}

/** Workflow interceptors for replays: at the end of each task, whatever the workflow would answer to `stateQuery` is told. */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const { probe } = proxySinks<ProbeSinks>();
  return {
    internals: [
      {
        concludeActivation(input, next) {
          const query = getActivator().queryHandlers.get(stateQuery);
          // The handler is this project's own.
          if (query) probe.state(query.handler() as OrderState);
          return next(input);
        },
      },
    ],
  };
};
