import type { Scope } from './scopes.js';

/** Who sent a request. */
export interface Principal {
  /** such as `key:shop` or `user:ada`; recorded with each event */
  readonly actor: string;
  /** on whose behalf the actor acts, from `On-Behalf-Of`; absent if the actor acts for itself */
  readonly onBehalfOf?: string;
  /**
   * who issued the idempotency keys: the same key from two issuers stands for two different
   * commands
   */
  readonly issuer: string;
  readonly scopes: ReadonlySet<Scope>;
}
