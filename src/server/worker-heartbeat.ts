/** How often each worker tells Temporal that it is alive. It costs no action and no history. */
export const heartbeatEveryMs = 3_000;
