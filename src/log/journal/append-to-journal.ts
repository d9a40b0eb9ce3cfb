import { ApplicationFailure } from '@temporalio/common';
import type { ClientSession, Db } from 'mongodb';
import type { StoredEvent } from '../entity.js';
import { eventId } from '../event-id.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import { superseded } from '../workflow/steps.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { forkFailure, noteFork } from './fork.js';
import { journal, onlyEvent, resumptionType, type StoredRecordedEvent } from './journal.js';
import { isSameEvent } from './same-event.js';

interface InSession {
  readonly session?: ClientSession;
}

/**
 * Writes events of one entity, ascending, to the journal. Events that are there already are left
 * alone, so it is idempotent: any part of the log may be repeated, in any order and concurrently.
 * Nothing is written after an event that differs.
 *
 * @throws ApplicationFailure, not retryable, if the journal has a different event under the same
 *   version: of type `Superseded` if that event is a resumption, otherwise `EventFork`, which is
 *   also stored (`noteFork`)
 */
export async function appendToJournal(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  options: InSession = {},
): Promise<void> {
  let missing = events;
  while (missing.length > 0 && !(await insertIntoJournal(log, db, missing, options))) {
    missing = await withoutRecorded(log, db, missing, options);
  }
}

/** Inserts events in this sequence until one exists already. True if all were inserted. */
export async function insertIntoJournal(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  options: InSession = {},
): Promise<boolean> {
  const recordedAt = new Date().toISOString();
  const documents = events.map((event) => ({
    ...event,
    _id: eventId(event),
    recordedAt,
    unsequenced: true as const,
  }));
  try {
    await journal(log, db).insertMany(documents, { ...options, ...durable, ordered: true });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/**
 * Refuses events of a run that another run has replaced, even if the journal has nothing under
 * their versions yet.
 *
 * @param resumption version of the last resumption in the run's log; 0 if it has none
 * @throws ApplicationFailure of type `Superseded`, which is not retried
 */
export async function refuseReplacedRun(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  resumption: number,
  options: InSession = {},
): Promise<void> {
  const [first] = events;
  const last = events.at(-1);
  // An entity's first events need no query: `appendToJournal` compares them with the journal.
  if (first === undefined || last === undefined || first.version === 1) return;
  const resumed = await lastResumption(log, db, first.orderId, options);
  if (resumed !== undefined && resumed.version > resumption && last.version > resumed.version)
    throw supersededFailure(log, resumed);
}

async function lastResumption(
  log: AnyLog,
  db: Db,
  orderId: string,
  options: InSession,
): Promise<StoredEvent | undefined> {
  const found = await journal(log, db).findOne<StoredRecordedEvent>(
    { orderId, type: resumptionType(log) },
    { ...options, ...committed, projection: onlyEvent, sort: { version: -1 } },
  );
  return found ?? undefined;
}

/**
 * Returns the events that the journal lacks, after checking that it has the rest unchanged.
 *
 * @throws ApplicationFailure of type `EventFork` or `Superseded` (see `appendToJournal`)
 */
async function withoutRecorded(
  log: AnyLog,
  db: Db,
  events: readonly StoredEvent[],
  options: InSession,
): Promise<readonly StoredEvent[]> {
  const ids = events.map(eventId);
  const found = await journal(log, db)
    .find({ _id: { $in: ids } }, { ...options, ...committed })
    .toArray();
  const recorded = new Map(found.map((event) => [event.version, event]));
  // The insert found events that a majority does not have yet.
  if (recorded.size === 0) throw new Error(`The journal of ${ids[0]} cannot be read yet.`);
  for (const event of events) {
    const known = recorded.get(event.version);
    if (known === undefined || isSameEvent(log, known, event)) continue;
    if (known.type === resumptionType(log)) throw supersededFailure(log, known);
    await noteFork(log, db, known, event);
    throw forkFailure(log, known, event);
  }
  return events.filter((event) => !recorded.has(event.version));
}

/**
 * The failure for a run whose entity was resumed in another run: the run ends, the entity does not.
 */
function supersededFailure({ entity }: AnyLog, { orderId, version }: StoredEvent): ApplicationFailure {
  const message = `${entity.name} ${orderId} was resumed in another run, as version ${version}`;
  return ApplicationFailure.nonRetryable(message, superseded);
}
