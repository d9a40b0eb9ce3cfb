import { customers } from './customers.js';
import { dailyStats } from './daily-stats.js';
import { productDemand } from './product-demand.js';
import type { View } from '../log/views/view.js';

/** Every view that is built from the feed. */
export const views: readonly View[] = [customers, dailyStats, productDemand];

export function viewNamed(name: string, among: readonly View[] = views): View | undefined {
  return among.find((view) => view.name === name);
}
