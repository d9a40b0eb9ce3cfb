/**
 * The call was not made: too many other calls are in flight, the rate is used up, or calls are
 * paused after failures. The step is retried later.
 */
export class ProviderBusy extends Error {
  override readonly name = 'ProviderBusy';
}

/**
 * How long a call may wait in the queue, and then for the rate limit. Both waits and the timeout of
 * the call together are shorter than a step's timeout.
 */
export const MAX_WAIT_MS = 1_000;
