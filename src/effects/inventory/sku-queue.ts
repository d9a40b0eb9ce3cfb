import { NamedQueue } from './named-queue.js';

/** Over the SKUs: popular ones are in many orders at once. With the transaction, it fits the 10 s of an activity. */
export const skuQueue = new NamedQueue(4_000);
