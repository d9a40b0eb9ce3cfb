import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import type { HistoryLog } from './history.js';

/**
 * Finds out whether MongoDB is the one that Temporal knows, and as new as it was. Called before
 * something relies on that.
 */
export type CheckDatabaseIdentity = (stores: {
  readonly client: Client;
  readonly db: Db;
  /** of the entities' workflows */
  readonly taskQueue: string;
}) => Promise<unknown>;

/** What effects move outside of the log, such as stock, as far as the log can restore it. */
export interface Outside<S extends State, D extends Draft> {
  /** Until `endRestore`, nothing is refused because something may be missing. */
  readonly beginRestore: (db: Db) => Promise<void>;
  readonly endRestore: (db: Db) => Promise<void>;
  /**
   * Restores what these logs prove and the outside lacks. Idempotent. Called before their events
   * are written to the journal.
   */
  readonly restore: (db: Db, logs: readonly HistoryLog<S, D>[]) => Promise<void>;
}
