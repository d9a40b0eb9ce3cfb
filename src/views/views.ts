import type { View } from '../log/views/view.js';
import { awaitingDispatch } from './awaiting-dispatch.js';
import { customers } from './customers.js';
import { dailyStats } from './daily-stats.js';
import { productDemand } from './product-demand.js';
import type { ViewQuery } from './query.js';

/** Every view that is built from the feed. To add one, write its file and list it here. */
export const views: readonly (View & { readonly queries: readonly ViewQuery[] })[] = [
  customers,
  dailyStats,
  productDemand,
  awaitingDispatch,
];

export function viewNamed(name: string, among: readonly View[] = views): View | undefined {
  return among.find((view) => view.name === name);
}
