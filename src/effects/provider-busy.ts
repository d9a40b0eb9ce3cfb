/**
 * The call was not made: too many others are in flight, the rate is used up, or the provider rests
 * after failures. It is retried later.
 */
export class ProviderBusy extends Error {
  override readonly name = 'ProviderBusy';
}

/**
 * How long a call may wait in the queue. This and a call's timeout together are shorter than a
 * step's timeout.
 */
export const MAX_WAIT_MS = 1_000;
