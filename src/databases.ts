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
 * Compares MongoDB with what Temporal remembers of it. If MongoDB was lost, or is an older backup,
 * that is noted in MongoDB: reservations then wait for a restore, and each feed begins its next
 * generation. It never refuses, and fails only if a server does. It is called before positions are
 * given and before histories are compared or restored.
 */
export type DetectDatabaseLoss = (databases: Databases) => Promise<void>;
