import type { Db } from 'mongodb';
import { committed, durable } from '../../../mongodb/durability.js';
import type { PartitionId } from '../../../kafka/command-rows.js';

/**
 * A refused command. The row is written before the problem is sent to the topic of refusals, and
 * deleted once the offset is committed. Without the row, the command of a record that is read again
 * would be decided by a later state of its order.
 */
interface RefusalRow {
  /** `<topic id>:<partition>:<offset>`, the offset with 19 digits */
  readonly _id: string;
  /** the value for the topic of refusals */
  readonly problem: string;
  /** whether the problem is known to be in the topic of refusals; if not, it is written again */
  readonly isWritten?: boolean;
}

/** A refusal that is in the topic of refusals, or the problem that has to be written there. */
export type RefusalState = 'written' | { readonly problem: string };

export const refusalRows = (db: Db) => db.collection<RefusalRow>('kafka_refused_commands');

/** The refused commands from an offset on, by their offsets. */
export async function refusalsFrom(
  db: Db,
  { topicId, partition }: PartitionId,
  offset: bigint,
): Promise<Map<bigint, RefusalState>> {
  const ids = { $gte: idOf({ topicId, partition }, offset), $lt: `${topicId}:${partition};` };
  const found = new Map<bigint, RefusalState>();
  for await (const { _id, problem, isWritten } of refusalRows(db).find({ _id: ids }, committed))
    found.set(BigInt(_id.slice(_id.lastIndexOf(':') + 1)), isWritten ? 'written' : { problem });
  return found;
}

export async function storeRefusal(db: Db, id: PartitionId, offset: bigint, problem: string): Promise<void> {
  const $setOnInsert = { problem };
  await refusalRows(db).updateOne({ _id: idOf(id, offset) }, { $setOnInsert }, { upsert: true, ...durable });
}

export async function markWritten(db: Db, id: PartitionId, offset: bigint): Promise<void> {
  await refusalRows(db).updateOne({ _id: idOf(id, offset) }, { $set: { isWritten: true } });
}

/** @param before a committed offset; records before it are not read again */
export async function forgetRefusals(
  db: Db,
  { topicId, partition }: PartitionId,
  before: bigint,
): Promise<void> {
  const ids = { $gte: `${topicId}:${partition}:`, $lt: idOf({ topicId, partition }, before) };
  await refusalRows(db).deleteMany({ _id: ids });
}

/** Ids sort in the order of their offsets. */
function idOf({ topicId, partition }: PartitionId, offset: bigint): string {
  return `${topicId}:${partition}:${String(offset).padStart(19, '0')}`;
}
