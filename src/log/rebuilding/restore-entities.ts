import type { Db } from 'mongodb';
import { isServerError } from '../../outages/server-error.js';
import { type Draft, NewerEvent, type State } from '../entity.js';
import { insertMissing, isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { documentOf, stateViews } from '../entity-log/state-view.js';
import type { HistoryLog } from '../history/history.js';
import { insertIntoJournal } from '../journal/append-to-journal.js';
import { journal } from '../journal/journal.js';
import { journaled } from '../journal/read-journal.js';
import { restoreLog } from '../journal/truncated-log.js';
import type { OutsideRestore } from '../history/outside-restore.js';
import { updateStateView } from '../recording/update-state-view.js';

/** An entity, read from its history. */
export interface FromHistory<S extends State, D extends Draft> {
  readonly history: HistoryLog<S, D>;
  /** the fold of the history */
  readonly state: S;
}

const CONCURRENCY = 8;

/**
 * Adds to the journal, the state view and the outside systems what they lack of these entities. The
 * entities' workflows may write the same data concurrently. Entities that have a complete history
 * and no events in the journal are written together. For every other entity, what exists is
 * compared and left as it is.
 *
 * @param outside absent if the entity's effects make no outside changes that a log can restore
 * @param heartbeat called after every write
 * @returns ids of entities that could not be restored from their first event on, or whose journal
 *   differs from their history
 * @throws errors of MongoDB
 */
export async function restoreEntities<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { db, outside }: { readonly db: Db; readonly outside?: OutsideRestore<S, D> | undefined },
  entities: readonly FromHistory<S, D>[],
  heartbeat: () => void,
): Promise<readonly string[]> {
  // The outside systems are restored before the journal, because the entities' next effects rely on
  // them as soon as the journal is complete.
  await outside?.restore(
    db,
    entities.map(({ history }) => history),
  );
  heartbeat();
  const known = await journaled(
    log,
    db,
    entities.map(({ history }) => history.orderId),
  );
  const fresh = entities.filter(({ history }) => history.isComplete && !known.has(history.orderId));
  const isWritten = await insertAll(log, db, fresh);
  heartbeat();
  const others = isWritten ? entities.filter((one) => !fresh.includes(one)) : entities;
  const exceptions: string[] = [];
  for (let from = 0; from < others.length; from += CONCURRENCY) {
    const some = others.slice(from, from + CONCURRENCY);
    const restored = await Promise.all(some.map((one) => restoreOne(log, db, one)));
    exceptions.push(
      ...some.flatMap(({ history }, index) => (restored[index] === true ? [] : [history.orderId])),
    );
    heartbeat();
  }
  return exceptions;
}

/**
 * Writes entities with complete logs. Stops, and returns false, if the journal has got an event of
 * one of them meanwhile.
 */
async function insertAll<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  fresh: readonly FromHistory<S, D>[],
): Promise<boolean> {
  if (fresh.length === 0) return true;
  const areInserted = await insertIntoJournal(
    log,
    db,
    fresh.flatMap(({ history }) => history.events),
  );
  if (!areInserted) return false;
  const viewed = await insertFreshViews(log, db, fresh);
  // Later events are read after the views are written. An event that is recorded after that finds
  // a view to continue from.
  const later = await withLaterEvents(log, db, fresh);
  for (const orderId of new Set([...viewed, ...later])) await updateStateView(log, db, orderId);
  return true;
}

/** @returns ids of the entities that have a view already */
async function insertFreshViews<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  fresh: readonly FromHistory<S, D>[],
): Promise<readonly string[]> {
  const documents = await Promise.all(fresh.map(({ state }) => documentOf(log, db, state)));
  return (await insertMissing(stateViews(log, db), documents)).map(({ _id }) => _id);
}

/** The entities that got new events after their history was read. */
async function withLaterEvents<S extends State, D extends Draft>(
  log: AnyLog,
  db: Db,
  fresh: readonly FromHistory<S, D>[],
): Promise<readonly string[]> {
  const open = new Map(
    fresh.filter(({ history }) => history.isOpen).map(({ state }) => [state.orderId, state.version]),
  );
  if (open.size === 0) return [];
  const found = await journal(log, db)
    .aggregate<{ _id: string; last: number }>(
      [
        { $match: { orderId: { $in: [...open.keys()] } } },
        { $group: { _id: '$orderId', last: { $max: '$version' } } },
      ],
      committed,
    )
    .toArray();
  return found.flatMap(({ _id: orderId, last }) => (last > (open.get(orderId) ?? last) ? [orderId] : []));
}

/** False if not all of the entity can be restored, or its journal differs from its history. */
async function restoreOne<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  { history, state }: FromHistory<S, D>,
): Promise<boolean> {
  try {
    await restoreLog(log, db, history.events);
    const view = await updateStateView(log, db, history.orderId);
    if ((view?.version ?? 0) >= state.version) return true;
    await writeViewOfHistory(log, db, state);
    return false;
  } catch (error) {
    if (isServerError(error) || error instanceof NewerEvent) throw error;
    return false;
  }
}

async function writeViewOfHistory<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  db: Db,
  state: S,
): Promise<void> {
  const { orderId, version } = state;
  try {
    const older = { _id: orderId, version: { $lt: version } };
    await stateViews(log, db).replaceOne(older, await documentOf(log, db, state), {
      upsert: true,
      ...durable,
    });
  } catch (error) {
    // A view with this version, or a later one, exists already.
    if (!isDuplicateKey(error)) throw error;
  }
  await updateStateView(log, db, orderId);
}
