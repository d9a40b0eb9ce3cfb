import type { BackOff } from '../../../concurrency/back-off.js';

/** Of a command that has no answer, and of a client that has failed. */
export const retries: BackOff = { firstRetryMs: 100, longestRetryMs: 10_000 };
