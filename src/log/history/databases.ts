import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';

/** The Temporal of one deployment. */
export interface Deployment {
  readonly client: Client;
  /** the task queue of the entities' workflows */
  readonly taskQueue: string;
}

/** The Temporal of one deployment, and the MongoDB that belongs to it. */
export interface Databases extends Deployment {
  readonly db: Db;
}

/**
 * Checks that MongoDB holds the database that was used with this Temporal, and that it was not
 * restored to an older state. It must be called before either is relied on.
 */
export type CheckDatabaseIdentity = (databases: Databases) => Promise<unknown>;
