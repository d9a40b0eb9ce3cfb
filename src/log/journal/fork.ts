import { ApplicationFailure } from '@temporalio/common';
import type { Db } from 'mongodb';
import type { StoredEvent } from '../entity.js';
import { eventFork } from '../workflow/steps.js';
import { durable } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { forkedReason, markStopped } from './stops.js';

/** The journal and the workflow of an entity have different events under one version. */
export interface Fork {
  /** the entity's id */
  readonly _id: string;
  /** the first version at which the two differ */
  readonly version: number;
  /** type of the event that the journal holds */
  readonly journal: string;
  /** type of the event that the workflow decided */
  readonly workflow: string;
  /** ISO-8601 UTC */
  readonly detectedAt: string;
}

export function forks({ entity }: AnyLog, db: Db) {
  return db.collection<Fork>(`${entity.name}_forks`);
}

/**
 * Stores the first fork of an entity, and marks its view as stopped. Later forks are ignored,
 * because they follow from the first.
 */
export async function noteFork(
  log: AnyLog,
  db: Db,
  journaled: StoredEvent,
  decided: StoredEvent,
): Promise<void> {
  const fork = {
    version: decided.version,
    journal: journaled.type,
    workflow: decided.type,
    detectedAt: new Date().toISOString(),
  };
  const { orderId } = decided;
  await forks(log, db).updateOne({ _id: orderId }, { $setOnInsert: fork }, { upsert: true, ...durable });
  const { message } = forkFailure(log, journaled, decided);
  await markStopped(log, db, orderId, forkedReason(log, orderId, message));
}

/** Removes the fork of an entity, because the run that it halted has ended. */
export async function clearFork(log: AnyLog, db: Db, id: string): Promise<void> {
  await forks(log, db).deleteOne({ _id: id }, durable);
}

/** The failure for two different events under one version; it is not retryable. */
export function forkFailure(
  { entity }: Pick<AnyLog, 'entity'>,
  known: StoredEvent,
  other: StoredEvent,
): ApplicationFailure {
  const { orderId, version } = known;
  const types = known.type === other.type ? `two different ${known.type}` : `${known.type} and ${other.type}`;
  return ApplicationFailure.nonRetryable(
    `${entity.name} ${orderId} has ${types} as version ${version}`,
    eventFork,
  );
}
