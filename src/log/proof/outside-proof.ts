import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Discrepancy } from './discrepancy.js';

/**
 * Compares what effects have changed in outside systems with the log.
 *
 * @typeParam W names of the outside systems that are compared
 */
export interface OutsideProof<W extends string> {
  /** compares an entity's log, which must be complete, with what its effects changed outside */
  readonly compare: (db: Db, id: string) => Promise<readonly Discrepancy<W>[]>;
  /** finds what outside systems have for entities that neither the journal nor Temporal knows */
  readonly compareUnknown: (db: Db, client: Client) => AsyncIterable<Discrepancy<W>>;
  /**
   * compares the sums over all entities
   *
   * @param onProgress called with a plural noun for what is counted, and how many are done
   */
  readonly compareSums: (
    db: Db,
    onProgress: (what: string, done: number) => void,
  ) => AsyncIterable<Discrepancy<W>>;
}
