import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';

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
