import type { Db } from 'mongodb';
import type { Stopped } from '../../views/concerns.js';
import { durable } from './durability.js';

/** Why an order takes no commands, although it is not finished: a stop that is being found. */
export type Cause = Omit<Stopped, 'since'>;

/** Its history and its journal have different events under one version. */
export function forked(orderId: string, detail: string): Cause {
  return { code: 'order_forked', detail, remedy: remedyOf(orderId) };
}

/** @param status of its last run, in Temporal's words; undefined if Temporal has none */
export function ended(orderId: string, status: string | undefined): Cause {
  const detail =
    status === undefined
      ? 'Temporal has no workflow of the order, which is not finished'
      : `the workflow of the order has ended (${status}), and the order is not finished`;
  return { code: 'workflow_ended', detail, remedy: remedyOf(orderId) };
}

/** @param version the first that its workflow does not have */
export function rewound(orderId: string, version: number): Cause {
  const detail = `the workflow of the order was put back to before version ${version}`;
  return { code: 'workflow_rewound', detail, remedy: remedyOf(orderId) };
}

/** A status of a run, such as Temporal's `TIMED_OUT`, for a person. */
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

/** Marks the view of an order that has stopped; one that is marked for the same reason keeps its `since`. */
export async function markStopped(db: Db, orderId: string, { code, detail, remedy }: Cause): Promise<void> {
  const stopped: Stopped = { code, since: new Date().toISOString(), detail, remedy };
  const unmarked = { _id: orderId, 'stopped.code': { $ne: code } };
  await viewsOf(db).updateOne(unmarked, { $set: { stopped } }, durable);
}

/** Takes the mark away: the order's workflow goes on. */
export async function clearStopped(db: Db, orderId: string): Promise<void> {
  const marked = { _id: orderId, stopped: { $exists: true } };
  await viewsOf(db).updateOne(marked, { $unset: { stopped: '' } }, durable);
}
