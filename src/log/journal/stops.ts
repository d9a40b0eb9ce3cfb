import type { Db } from 'mongodb';
import type { Stopped } from '../../views/concerns.js';
import { durable } from './durability.js';

/** Why an order that is not finished takes no commands; without the time when that was found. */
export type Cause = Omit<Stopped, 'since'>;

/** The history and the journal have different events under one version. */
export function forked(orderId: string, detail: string): Cause {
  return { code: 'order_forked', detail, remedy: remedyOf(orderId) };
}

/** @param status of the last run, such as `TIMED_OUT`; undefined if Temporal knows no run */
export function ended(orderId: string, status: string | undefined): Cause {
  const detail =
    status === undefined
      ? 'the order is not finished, and Temporal has no workflow of it'
      : `the order is not finished, but its workflow has ended (${status})`;
  return { code: 'workflow_ended', detail, remedy: remedyOf(orderId) };
}

/** @param version the first version that the workflow lacks */
export function rewound(orderId: string, version: number): Cause {
  const detail = `the workflow of the order was restored to a state before version ${version}`;
  return { code: 'workflow_rewound', detail, remedy: remedyOf(orderId) };
}

/** Temporal's status of a run, in words. */
export function wordOf(status: string): string {
  return status.toLowerCase().replaceAll('_', ' ');
}

function remedyOf(orderId: string): string {
  return `npx orders resume ${orderId}`;
}

interface StoppedView {
  readonly _id: string;
  readonly stopped?: Stopped;
}

function viewsOf(db: Db) {
  return db.collection<StoppedView>('orders');
}

/**
 * Marks the view of an order as stopped. If it is marked with the same code already, it keeps its
 * `since`.
 */
export async function markStopped(db: Db, orderId: string, { code, detail, remedy }: Cause): Promise<void> {
  const stopped: Stopped = { code, since: new Date().toISOString(), detail, remedy };
  const unmarked = { _id: orderId, 'stopped.code': { $ne: code } };
  await viewsOf(db).updateOne(unmarked, { $set: { stopped } }, durable);
}

/** Removes the mark, because the order's workflow goes on. */
export async function clearStopped(db: Db, orderId: string): Promise<void> {
  const marked = { _id: orderId, stopped: { $exists: true } };
  await viewsOf(db).updateOne(marked, { $unset: { stopped: '' } }, durable);
}
