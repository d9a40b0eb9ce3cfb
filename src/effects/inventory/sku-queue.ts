import { NamedQueue } from './named-queue.js';

/**
 * Queues transactions on the same SKU: popular SKUs are in many orders at once. The wait and the
 * transaction together stay below an activity's 10 s.
 */
export const skuQueue = new NamedQueue(4_000);
