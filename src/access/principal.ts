import type { Scope } from './scopes.js';

/** Who sent a request. */
export interface Principal {
  /** recorded with each event, such as `key:shop` or `user:ada` */
  readonly actor: string;
  /** on whose behalf the actor acts, from `On-Behalf-Of`; absent if on its own */
  readonly onBehalfOf?: string;
  /**
   * who issued the idempotency keys: the same key of two issuers names two commands, and two orders
   */
  readonly issuer: string;
  readonly scopes: ReadonlySet<Scope>;
}
