import type { BackOff } from '../../../concurrency/back-off.js';

/** Delays after an attempt without an answer, for commands and for clients. */
export const retries: BackOff = { firstRetryMs: 100, longestRetryMs: 10_000 };
