import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import type { HistoryLog } from './history.js';

/**
 * Checks that MongoDB holds the database that was used with this Temporal, and that it was not
 * restored to an older state. Call it before relying on either.
 */
export type CheckDatabaseIdentity = (stores: {
  readonly client: Client;
  readonly db: Db;
  /** the task queue of the entities' workflows */
  readonly taskQueue: string;
}) => Promise<unknown>;

/** What effects change outside of the log, such as stock, if the log can restore it. */
export interface Outside<S extends State, D extends Draft> {
  /**
   * Until `endRestore`, effects are not refused for what may not be restored yet, such as stock.
   */
  readonly beginRestore: (db: Db) => Promise<void>;
  readonly endRestore: (db: Db) => Promise<void>;
  /**
   * Restores what the outside lacks and these logs prove. Idempotent. Called before their events
   * are written to the journal.
   */
  readonly restore: (db: Db, logs: readonly HistoryLog<S, D>[]) => Promise<void>;
}
