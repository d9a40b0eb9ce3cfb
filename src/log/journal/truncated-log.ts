import type { Db } from 'mongodb';
import { committed, durable, type QueryTime } from '../../mongodb/durability.js';
import type { StoredEvent } from '../entity.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { appendToJournal } from './append-to-journal.js';
import { journal } from './journal.js';

/*
 * A log is truncated if some of its events are lost everywhere: neither the journal nor a history
 * that Temporal keeps has them. `restoreLog` notices this when it writes what a history has. It
 * marks the event after the last lost one with the persisted field `begins`. That event's version
 * is the truncation point. From there on, the log is whole, and nothing waits for lost events.
 */

/**
 * Writes an entity's log, as far as its history has it, to the journal (see `appendToJournal`).
 * What the journal then still lacks is lost everywhere. The event after it is marked with `begins`.
 */
export async function restoreLog(log: AnyLog, db: Db, events: readonly StoredEvent[]): Promise<void> {
  await appendToJournal(log, db, events);
  const [first] = events;
  if (first === undefined || first.version === 1) return;
  const { orderId } = first;
  const found = await journal(log, db)
    .find({ orderId, version: { $lte: first.version } }, { ...committed, projection: { version: 1 } })
    .sort({ version: 1 })
    .toArray();
  const begin = found.findLast(({ version }, index) => version !== (found[index - 1]?.version ?? 0) + 1);
  if (begin !== undefined)
    await journal(log, db).updateOne(
      { orderId, version: begin.version },
      { $set: { begins: true } },
      durable,
    );
}

/** The truncation points of these entities, by id. An entity whose log is whole has none. */
export async function truncationPoints(
  log: AnyLog,
  db: Db,
  orderIds: readonly string[],
  time: QueryTime = {},
): Promise<ReadonlyMap<string, number>> {
  if (orderIds.length === 0) return new Map();
  const found = await journal(log, db)
    .find({ orderId: { $in: [...orderIds] }, begins: true }, { ...committed, ...time })
    .sort({ version: 1 })
    .toArray();
  return new Map(found.map(({ orderId, version }) => [orderId, version]));
}

/**
 * True if the entity's log begins after version 1 (see above), and the journal has all events
 * from there to `version`.
 */
export async function holdsTruncatedLog(
  log: AnyLog,
  db: Db,
  orderId: string,
  version: number,
): Promise<boolean> {
  const first = (await truncationPoints(log, db, [orderId])).get(orderId);
  if (first === undefined || first > version) return false;
  const count = await journal(log, db).countDocuments(
    { orderId, version: { $gte: first, $lte: version } },
    committed,
  );
  return count === version - first + 1;
}
