/**
 * How often each worker sends a heartbeat to Temporal. It adds no billable action and no history
 * event.
 */
export const heartbeatEveryMs = 3_000;
