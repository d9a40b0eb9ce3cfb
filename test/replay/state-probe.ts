import { proxySinks, type Sink, type Sinks, type WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { getActivator } from '@temporalio/workflow/lib/global-attributes.js';
import { stateQuery } from '../../src/log/workflow/messages.js';
import type { OrderState, Step } from '../../src/order-log.js';

/** What a replayed workflow reports. */
export interface ProbeSinks extends Sinks {
  probe: Sink & { state(state: OrderState): void; step(step: Step): void };
}

/**
 * Workflow interceptors for replays: they report each step that is decided and, after each task,
 * the answer to `stateQuery`.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  const { probe } = proxySinks<ProbeSinks>();
  return {
    outbound: [
      {
        scheduleActivity(input, next) {
          const [step] = input.args;
          // The input of each of an order's activities, except those that take a resumed order
          // over.
          if ((step as Partial<Step>).events !== undefined) probe.step(step as Step);
          return next(input);
        },
      },
    ],
    internals: [
      {
        concludeActivation(input, next) {
          const query = getActivator().queryHandlers.get(stateQuery);
          // This project registers the handler; it returns the order's state.
          if (query) probe.state(query.handler() as OrderState);
          return next(input);
        },
      },
    ],
  };
};
