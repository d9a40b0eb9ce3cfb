import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import { temporal } from '@temporalio/proto';
import { bundleWorkflowCode, type InjectedSinks, DefaultLogger, Worker } from '@temporalio/worker';
import { readHistoryLog } from '../../src/log/history/history.js';
import { stateAt } from '../../src/log/journal/time-travel.js';
import { type OrderState, orderLog } from '../../src/order-log.js';
import { Orders } from '../log/workflow/support.js';
import { paths } from './paths.js';
import type { ProbeSinks } from './state-probe.js';

const opened: Orders[] = [];
afterAll(async () => {
  for (const orders of opened) await orders.close();
});

/** Each path has a separate worker, because it may change the answers. */
async function open(): Promise<Orders> {
  const orders = await Orders.open();
  opened.push(orders);
  return orders;
}

const workflowBundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../../src/workflows.ts', import.meta.url)),
  workflowInterceptorModules: [fileURLToPath(new URL('state-probe.ts', import.meta.url))],
  logger: new DefaultLogger('ERROR'),
});

/**
 * The states of a workflow at every point of its history. It is replayed up to each of its tasks,
 * and reports its state after each.
 */
async function replayedStates(history: temporal.api.history.v1.IHistory): Promise<readonly OrderState[]> {
  const events = history.events ?? [];
  const states: OrderState[] = [];
  const sinks: InjectedSinks<ProbeSinks> = {
    probe: {
      state: { fn: (_info, state) => void states.push(state), callDuringReplay: true },
      step: { fn: () => undefined, callDuringReplay: true },
    },
  };
  for (const [index, event] of events.entries()) {
    if (!event.workflowTaskCompletedEventAttributes) continue;
    const end = events.findIndex((later, at) => at > index && !isOutcomeOfTask(later));
    const upToHere = temporal.api.history.v1.History.create({
      events: events.slice(0, end === -1 ? undefined : end),
    });
    await Worker.runReplayHistory({ workflowBundle, sinks }, upToHere);
  }
  return states;
}

/**
 * Whether the event belongs to the result of a workflow task. A history that is cut within a task's
 * events cannot be replayed.
 */
function isOutcomeOfTask(event: temporal.api.history.v1.IHistoryEvent): boolean {
  return [
    event.activityTaskScheduledEventAttributes,
    event.timerStartedEventAttributes,
    event.timerCanceledEventAttributes,
    event.upsertWorkflowSearchAttributesEventAttributes,
    event.workflowPropertiesModifiedEventAttributes,
    event.workflowExecutionUpdateAcceptedEventAttributes,
    event.workflowExecutionUpdateCompletedEventAttributes,
    event.workflowExecutionCompletedEventAttributes,
  ].some((attributes) => attributes !== null && attributes !== undefined);
}

test.each(['happy', 'amended, then refused', 'returned and refunded', 'partly shipped, the rest cancelled'])(
  'the order at a version is the order its workflow had then (%s)',
  async (path) => {
    const orders = await open();
    const order = await paths[path]?.(orders);
    if (order === undefined) throw new Error(`There is no path ${path}.`);
    await order.until((state) => state.unrecorded === 0 && state.order.owed.length === 0);
    const history = await order.history();
    const orderId = order.handle.workflowId.replace(/^order-/, '');
    const { events = [] } = (await readHistoryLog(orderLog, orders.client, orderId)) ?? {};
    const states = await replayedStates(history);
    for (const state of states)
      expect(state.order).toStrictEqual(stateAt(orderLog, events, { version: state.order.version }));
    // The events of a task are in one activity's input, so every task must be seen.
    const seen = new Set(states.map((state) => state.order.version));
    for (const step of orders.activities.steps) {
      const last = step.events.at(-1);
      if (last !== undefined) expect(seen).toContain(last.version);
    }
    expect(Math.max(...seen)).toBe(events.length);
  },
  120_000,
);
