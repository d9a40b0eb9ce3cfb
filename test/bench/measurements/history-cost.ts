import { completeAtRest, historyCost } from '../data/order-history.js';
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
    const cost = await historyCost(bench.temporal, await completeAtRest(bench.temporal, api));
    const within = (name: string, value: number, unit: string, budget: number): Judged =>
      single(`history.cost.${name}`, value, unit, { goal: { of: 'value', is: '≤', limit: budget } });
    return [
      within('events', cost.events, 'events', 76),
      within('bytes', cost.bytes, 'bytes', 18 * 1024),
      within('transitions', cost.stateTransitions, 'transitions', 30),
      within('actions', cost.actions, 'actions', 13),
      within('otherActions', cost.otherActions, 'actions', 4),
    ];
  },
};
