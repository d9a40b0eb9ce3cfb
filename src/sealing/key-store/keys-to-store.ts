/** A wrapped key that the key store does not have yet. */
export interface KeyToStore {
  readonly keyId: string;
  readonly customerId: string;
  /** the key as `wrap` returns it */
  readonly wrapped: string;
}

/**
 * Keys that a process made while the key store was unavailable and the process had no spare key.
 * They stay on this machine's disk until one of its processes reaches the store. Each customer has
 * at most one such key, even if several processes make one.
 */
export interface KeysToStore {
  /**
   * Returns the customer's key on the disk, after writing `made` if there is none yet.
   *
   * @throws Error if the customer's key on the disk cannot be read, or `made` cannot be written
   */
  add(made: KeyToStore): KeyToStore;
  all(): readonly KeyToStore[];
  /** Removes a key that the store has now. Another key of its customer is left alone. */
  remove(key: KeyToStore): void;
}
