import { type Db, MongoServerError } from 'mongodb';
import { openChangeStream } from '../../mongodb/change-stream.js';
import { entityIdIn } from '../event-id.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { type JournalDocument, journalName } from '../journal/journal.js';

/**
 * An event was inserted. Or the field `begins` of an event was set, because the entity's log begins
 * with it; then `event` is absent.
 */
export interface JournalChange {
  readonly orderId: string;
  /** 0 if only `begins` was set */
  readonly version: number;
  /** the event has no position yet */
  readonly unsequenced?: true;
  readonly begins?: true;
  /** the inserted document */
  readonly event?: JournalDocument;
}

/**
 * An event was deleted, by hand or because a resumption set it aside. So what a process knows about
 * the journal may be outdated.
 */
export interface JournalDelete {
  readonly operationType: 'delete';
}

export function noneDeleted<C extends object>(
  changes: readonly (C | JournalDelete)[],
): changes is readonly C[] {
  return changes.every((change) => !('operationType' in change && change.operationType === 'delete'));
}

/** Under load, the events that arrive within this time get their positions together. */
const PACE_MS = 15;

/**
 * Opens the stream of inserts into the journal, at `resumeToken` or from now on.
 *
 * @throws ChangeStreamEnded; MongoServerError: `isLostToken` says whether the token is unusable
 */
export async function openJournalInserts(log: AnyLog, db: Db, resumeToken?: unknown) {
  return await openChangeStream<JournalChange | JournalDelete>(db, {
    collection: journalName(log),
    pipeline: [
      {
        $match: {
          $or: [
            { operationType: { $in: ['insert', 'delete'] } },
            { 'updateDescription.updatedFields.begins': true },
          ],
        },
      },
      {
        $project: {
          operationType: 1,
          orderId: entityIdIn('$documentKey._id'),
          version: { $ifNull: ['$fullDocument.version', 0] },
          unsequenced: '$fullDocument.unsequenced',
          begins: '$updateDescription.updatedFields.begins',
          event: '$fullDocument',
        },
      },
    ],
    resumeToken,
    paceMs: PACE_MS,
  });
}

/** The position that an event was given. */
export interface EventPosition {
  readonly orderId: string;
  readonly position: number;
}

/**
 * Opens the stream of positions that are given from now on, in their order. An event that is
 * inserted by hand may already have one.
 */
export async function openPositions(log: AnyLog, db: Db) {
  const position = { $ifNull: ['$updateDescription.updatedFields.position', '$fullDocument.position'] };
  return await openChangeStream<EventPosition | JournalDelete>(db, {
    collection: journalName(log),
    pipeline: [
      {
        $match: {
          $or: [
            { 'updateDescription.updatedFields.position': { $gt: 0 } },
            { 'fullDocument.position': { $gt: 0 } },
            { operationType: 'delete' },
          ],
        },
      },
      {
        $project: { operationType: 1, position, orderId: entityIdIn('$documentKey._id') },
      },
    ],
  });
}

/**
 * True if the server refuses the token for good, usually because the oplog no longer reaches back
 * that far (`ChangeStreamHistoryLost`) or the token is of another collection. False for transient
 * errors, which have the label `ResumableChangeStreamError`, and for errors of the connection.
 */
export function isLostToken(error: unknown): boolean {
  return error instanceof MongoServerError && !error.hasErrorLabel('ResumableChangeStreamError');
}
