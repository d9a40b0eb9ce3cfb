/** A wrapped key that the key store does not have yet. */
export interface KeptKey {
  readonly keyId: string;
  readonly customerId: string;
  /** see `wrap` */
  readonly wrapped: string;
}

/**
 * Keys that were made while the key store was away, and no spare one was left: by a process that
 * has not reached it since its start. They are on this machine's disk until a process on it reaches
 * the store. One customer has one, whichever processes ask.
 */
export interface KeptKeys {
  /** The customer's key, which is `made` if it has none yet. It is on the disk when this returns. */
  keep(made: KeptKey): KeptKey;
  all(): readonly KeptKey[];
  /** The store has it now. */
  remove(key: KeptKey): void;
}
