import { workflowId } from '../../../src/order-log.js';
import { BUDGET, type TemporalCost, temporalCost } from '../../support/workflow-run.js';
import { completeAtRest } from '../data/order-history.js';
import type { Measurement } from '../harness/bench.js';
import { type Judged, single } from '../harness/result.js';

/**
 * Counts what an order costs Temporal from create to completed, and compares it with the design's
 * budget. The result is exact, because no time is measured.
 */
export const historyCosts: Measurement = {
  name: 'history.cost',
  async run(bench) {
    const address = await bench.product();
    const [api] = await bench.connect(address, 1);
    const orderId = await completeAtRest(bench.temporal, api);
    const cost = await temporalCost(bench.temporal, workflowId(orderId));
    const within = (name: string, of: keyof TemporalCost, unit: string): Judged =>
      single(`history.cost.${name}`, cost[of], unit, { goal: { of: 'value', is: '≤', limit: BUDGET[of] } });
    return [
      within('events', 'events', 'events'),
      within('bytes', 'bytes', 'bytes'),
      within('transitions', 'stateTransitions', 'transitions'),
      within('actions', 'actions', 'actions'),
      within('otherActions', 'otherActions', 'actions'),
    ];
  },
};
