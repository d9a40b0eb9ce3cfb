import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';

/**
 * Checks that MongoDB holds the database that was used with this Temporal, and that it was not
 * restored to an older state. It must be called before either is relied on.
 */
export type CheckDatabaseIdentity = (stores: {
  readonly client: Client;
  readonly db: Db;
  /** the task queue of the entities' workflows */
  readonly taskQueue: string;
}) => Promise<unknown>;
