import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Discrepancy } from './discrepancy.js';

/** Compares what effects have changed outside of the log, such as stock, with the log. */
export interface OutsideProof {
  /** compares what was moved for one entity, whose log must be complete */
  readonly compare: (db: Db, id: string) => Promise<readonly Discrepancy[]>;
  /** finds what was moved for entities that neither the journal nor Temporal knows */
  readonly ofUnknown: (db: Db, client: Client) => AsyncIterable<Discrepancy>;
  /** compares the sums over all entities */
  readonly sums: (db: Db, onProgress: (done: number) => void) => AsyncIterable<Discrepancy>;
}
