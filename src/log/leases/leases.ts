import type { Db } from 'mongodb';
import { committedInTime, durable } from '../../mongodb/durability.js';

/**
 * The right of one process to do a task until a time on MongoDB's clock. A process may not know yet
 * that it has lost its lease. So the lease only avoids duplicate work: the task's own guarded
 * writes keep two processes from doing harm.
 */
export interface Lease {
  /** id of the process */
  readonly holder: string;
  readonly until: Date;
}

/** The leases of all tasks, by task. They are in one document, so that one command renews them. */
interface Leases {
  readonly _id: 'feed';
  readonly tasks: Readonly<Record<string, Lease>>;
}

/** A lease that is not renewed for this long has expired. */
export const LEASE_MS = 3_000;
export const RENEW_EVERY_MS = 1_500;

function leases(db: Db) {
  return db.collection<Leases>('leases');
}

/**
 * An expression: whether a lease has expired. A lease with more time left than a new lease also
 * counts as expired: it was given before MongoDB's clock was set back.
 *
 * @param until path of the field with its end
 */
function hasExpired(until: string) {
  return { $or: [{ $lte: [until, '$$NOW'] }, { $gt: [until, { $add: ['$$NOW', LEASE_MS] }] }] };
}

/**
 * Takes the leases of these tasks that have expired, and renews those that `holder` has.
 *
 * @returns the tasks that `holder` has now
 */
export async function acquireLeases(
  db: Db,
  holder: string,
  tasks: readonly string[],
): Promise<ReadonlySet<string>> {
  if (tasks.length === 0) return new Set();
  const mine = { holder, until: { $add: ['$$NOW', LEASE_MS] } };
  const taken = (task: string) => {
    const mayTake = [{ $eq: [`$tasks.${task}.holder`, holder] }, hasExpired(`$tasks.${task}.until`)];
    return { $cond: [{ $or: mayTake }, mine, `$tasks.${task}`] };
  };
  const state = await leases(db).findOneAndUpdate(
    { _id: 'feed' },
    [{ $set: Object.fromEntries(tasks.map((task) => [`tasks.${task}`, taken(task)])) }],
    { upsert: true, returnDocument: 'after', ...durable },
  );
  return new Set(tasks.filter((task) => state?.tasks[task]?.holder === holder));
}

/** Ends the lease if `holder` has it, so that the next process does not have to wait. */
export async function releaseLease(db: Db, holder: string, task: string): Promise<void> {
  await leases(db).updateOne(
    { _id: 'feed', [`tasks.${task}.holder`]: holder },
    { $currentDate: { [`tasks.${task}.until`]: true } },
    durable,
  );
}

/** A task whose lease no process holds. */
export interface UnheldTask {
  readonly task: string;
  /** absent if no process ever did it */
  readonly since?: Date;
}

/** The tasks among these whose lease no process holds. */
export async function unheldTasks(db: Db, tasks: readonly string[]): Promise<readonly UnheldTask[]> {
  const state = await leases(db).findOne<Pick<Leases, 'tasks'> & { readonly now: Date }>(
    { _id: 'feed' },
    { ...committedInTime, projection: { tasks: 1, now: '$$NOW' } },
  );
  return tasks.flatMap((task) => {
    const since = state?.tasks[task]?.until;
    if (state === null || since === undefined) return [{ task }];
    const leftMs = since.getTime() - state.now.getTime();
    return leftMs > 0 && leftMs <= LEASE_MS ? [] : [{ task, since }];
  });
}

/**
 * Describes the tasks whose lease no process holds; undefined if there are none.
 *
 * @param role the role of the processes that do such tasks
 */
export function describeUnheld(tasks: readonly UnheldTask[], role: string): string | undefined {
  if (tasks.length === 0) return undefined;
  const each = tasks.map(({ task, since }) =>
    since === undefined
      ? `${task} was never done`
      : `${task} is done by no process since ${since.toISOString()}`,
  );
  return `${each.join('; ')}: a process of the role ${role} takes it within seconds`;
}
