import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';

/** One deployment's connection to Temporal. */
export interface Deployment {
  readonly client: Client;
  /** the task queue of the entities' workflows */
  readonly taskQueue: string;
}

/** One deployment's connections to Temporal and MongoDB. */
export interface Databases extends Deployment {
  readonly db: Db;
}

/**
 * Compares MongoDB with what Temporal remembers of it. If MongoDB was lost, or is an older backup,
 * that is noted in MongoDB: reservations and counts then wait for a restore, and each feed begins
 * its next generation. The caller continues in either case. The promise rejects if a server fails,
 * or if MongoDB is emptied during the call. It is called at set-up, before positions are given, and
 * before histories are compared or restored.
 */
export type DetectDatabaseLoss = (databases: Databases) => Promise<void>;
