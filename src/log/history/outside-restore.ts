import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import type { HistoryLog } from './history.js';

/**
 * Restores from the histories what effects have changed in outside systems. `OutsideProof` compares
 * these systems with the log.
 */
export interface OutsideRestore<S extends State, D extends Draft> {
  /**
   * Until `endRestore`, an effect waits if an outside system has too little for it, such as stock,
   * because more may be restored.
   */
  readonly beginRestore: (db: Db) => Promise<void>;
  readonly endRestore: (db: Db) => Promise<void>;
  /**
   * Adds to the outside systems what they lack according to these logs. Idempotent. Called before
   * the events are written to the journal.
   */
  readonly restore: (db: Db, logs: readonly HistoryLog<S, D>[]) => Promise<void>;
}
