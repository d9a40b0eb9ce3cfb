import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import type { HistoryLog } from './history.js';

/**
 * Restores what effects change outside of the log from the histories. `OutsideProof` compares it
 * with the log.
 */
export interface OutsideRestore<S extends State, D extends Draft> {
  /** Until `endRestore`, no effect is refused for a lack of what may not be restored yet. */
  readonly beginRestore: (db: Db) => Promise<void>;
  readonly endRestore: (db: Db) => Promise<void>;
  /**
   * Adds to the stores outside what they lack and these logs prove. Idempotent. Called before the
   * events are written to the journal.
   */
  readonly restore: (db: Db, logs: readonly HistoryLog<S, D>[]) => Promise<void>;
}
