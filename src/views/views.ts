import { awaitingDispatch } from './awaiting-dispatch.js';
import { customers } from './customers.js';
import { dailyStats } from './daily-stats.js';
import { productDemand } from './product-demand.js';
import type { OrderFeedView } from './order-feed-view.js';

/** All feed views. To add one, write its file and list it here. */
export const views: readonly OrderFeedView[] = [customers, dailyStats, productDemand, awaitingDispatch];

export function viewNamed(name: string): OrderFeedView | undefined {
  return views.find((view) => view.name === name);
}
