import { ApplicationFailure } from '@temporalio/common';
import type { Db } from 'mongodb';
import type { StoredEvent } from '../entity.js';
import { eventFork, superseded } from '../workflow/messages.js';
import { durable } from './durability.js';
import { forked, markStopped } from './stops.js';

/**
 * An order for which the journal and the workflow have different events under one version. One per
 * order.
 */
export interface Fork {
  /** the order's id */
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

export function forks(db: Db) {
  return db.collection<Fork>('order_forks');
}

/**
 * Stores the first fork of an order and marks its view. Later forks are ignored: they follow from
 * the first.
 */
export async function noteFork(db: Db, journaled: StoredEvent, decided: StoredEvent): Promise<void> {
  const fork = {
    version: decided.version,
    journal: journaled.type,
    workflow: decided.type,
    detectedAt: new Date().toISOString(),
  };
  const { orderId } = decided;
  await forks(db).updateOne({ _id: orderId }, { $setOnInsert: fork }, { upsert: true, ...durable });
  await markStopped(db, orderId, forked(orderId, forkFailure(journaled, decided).message));
}

/** The failure for two different events under one version; it is not retryable. */
export function forkFailure(known: StoredEvent, other: StoredEvent, entity = 'order'): ApplicationFailure {
  const { orderId, version } = known;
  const types = known.type === other.type ? `two different ${known.type}` : `${known.type} and ${other.type}`;
  return ApplicationFailure.nonRetryable(
    `${entity} ${orderId} has ${types} as version ${version}`,
    eventFork,
  );
}

/**
 * The failure for a run that goes on after its entity was resumed in another run. The run has to
 * end; the entity itself is fine.
 */
export function supersededFailure({ orderId, version }: StoredEvent, entity = 'order'): ApplicationFailure {
  const message = `${entity} ${orderId} was resumed in another run, as version ${version}`;
  return ApplicationFailure.nonRetryable(message, superseded);
}
