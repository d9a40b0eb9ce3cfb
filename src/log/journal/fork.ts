import { ApplicationFailure } from '@temporalio/common';
import type { Db } from 'mongodb';
import type { StoredEvent } from '../../order/events.js';
import { eventFork, superseded } from '../workflow/messages.js';
import { durable } from './durability.js';
import { forked, markStopped } from './stops.js';

/** An order whose journal holds another event than its workflow decided, under the same version. One per order. */
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

/** Notes the first fork of an order for people to see, and marks its view; later ones follow from it. */
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

/** Two events with different content under one version: no retry can mend that. */
export function forkFailure(known: StoredEvent, other: StoredEvent): ApplicationFailure {
  const { orderId, version } = known;
  const types = known.type === other.type ? `two different ${known.type}` : `${known.type} and ${other.type}`;
  return ApplicationFailure.nonRetryable(`order ${orderId} has ${types} as version ${version}`, eventFork);
}

/** The order was resumed from its journal in another run: this one does nothing any more, and nothing is wrong with the order. */
export function supersededFailure({ orderId, version }: StoredEvent): ApplicationFailure {
  const message = `order ${orderId} was resumed in another run, as version ${version}`;
  return ApplicationFailure.nonRetryable(message, superseded);
}
