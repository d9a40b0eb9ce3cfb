import type { Db } from 'mongodb';
import { durable } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { stateViews, type Stopped } from '../entity-log/state-view.js';

/** Why an entity does not continue by itself; without the time when that was found. */
export type StopReason = Omit<Stopped, 'since'>;

/** The history and the journal have different events under one version. */
export function forkedReason({ entity, cliLines }: AnyLog, id: string, detail: string): StopReason {
  return { code: `${entity.name}_forked`, detail, remedy: cliLines.resume(id) };
}

/**
 * @param status the status of the last run, such as `timed out`; undefined if Temporal knows no run
 */
export function endedReason(
  { entity, cliLines }: AnyLog,
  id: string,
  status: string | undefined,
): StopReason {
  const detail =
    status === undefined
      ? `the ${entity.name} is not finished, and Temporal has no workflow of it`
      : `the ${entity.name} is not finished, but its workflow has ended (${status})`;
  return { code: 'workflow_ended', detail, remedy: cliLines.resume(id) };
}

/** @param version the first version that the workflow lacks */
export function rewoundReason({ entity, cliLines }: AnyLog, id: string, version: number): StopReason {
  const detail = `the workflow of the ${entity.name} was restored to a state before version ${version}`;
  return { code: 'workflow_rewound', detail, remedy: cliLines.resume(id) };
}

/**
 * Marks the view of an entity as stopped. If the view has a mark with the same code already, that
 * mark stays as it is.
 */
export async function markStopped(
  log: AnyLog,
  db: Db,
  id: string,
  { code, detail, remedy }: StopReason,
): Promise<void> {
  const stopped: Stopped = { code, since: new Date().toISOString(), detail, remedy };
  const unmarked = { _id: id, 'stopped.code': { $ne: code } };
  await stateViews(log, db).updateOne(unmarked, { $set: { stopped } }, durable);
}

/** Removes the mark, because the entity's workflow continues. */
export async function clearStopped(log: AnyLog, db: Db, id: string): Promise<void> {
  const marked = { _id: id, stopped: { $exists: true } };
  await stateViews(log, db).updateOne(marked, { $unset: { stopped: '' } }, durable);
}
