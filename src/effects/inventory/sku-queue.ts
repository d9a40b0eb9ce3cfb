import { Turns } from './named-queue.js';

/** Over the SKUs: popular ones are in many orders at once. With the transaction, it fits the 10 s of an activity. */
export const stockTurns = new Turns(4_000);
