import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Discrepancy } from './discrepancy.js';

/** Compares what effects have changed outside of the log, such as stock, with the log. */
export interface OutsideProof {
  /** compares stock, money and labels of one entity with its log, which must be complete */
  readonly compare: (db: Db, id: string) => Promise<readonly Discrepancy[]>;
  /** finds stock, money and labels of entities that neither the journal nor Temporal knows */
  readonly compareUnknown: (db: Db, client: Client) => AsyncIterable<Discrepancy>;
  /** compares the sums over all entities */
  readonly compareSums: (db: Db, onProgress: (done: number) => void) => AsyncIterable<Discrepancy>;
}
