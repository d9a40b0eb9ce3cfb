import { type Db, MongoServerError } from 'mongodb';
import { openChanges } from '../../concurrency/change-batches.js';
import type { JournalDocument } from '../journal/journal.js';

/** An event that was recorded, or marked as the one with which its order's log begins. */
export interface JournalInsert {
  readonly orderId: string;
  /** 0 where it was only marked */
  readonly version: number;
  /** it waits for its position */
  readonly unsequenced?: true;
  /** it was marked */
  readonly begins?: true;
  /** as it was inserted */
  readonly event?: JournalDocument;
}

/** Events are never deleted but by hand: whoever sees it happen knows nothing any more. */
export interface JournalDelete {
  readonly operationType: 'delete';
}

export function areNoDeletes<C extends object>(
  changes: readonly (C | JournalDelete)[],
): changes is readonly C[] {
  return changes.every((change) => !('operationType' in change && change.operationType === 'delete'));
}

/**
 * Opens the stream of what comes into the journal, at `resumeToken` or at now.
 *
 * @throws StreamOver, and MongoServerError for which `isLostToken` holds
 */
export async function openJournalInserts(db: Db, resumeToken?: unknown) {
  return await openChanges<JournalInsert | JournalDelete>(db, {
    collection: 'order_events',
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
          orderId: { $first: { $split: ['$documentKey._id', ':'] } },
          version: { $ifNull: ['$fullDocument.version', 0] },
          unsequenced: '$fullDocument.unsequenced',
          begins: '$updateDescription.updatedFields.begins',
          event: '$fullDocument',
        },
      },
    ],
    resumeToken,
  });
}

/** An event that has been given its place in the feed. */
export interface Position {
  readonly orderId: string;
  readonly position: number;
}

/** Opens the stream of the positions that are given from now on, in their order. An event put back by hand may bring its own. */
export async function openPositions(db: Db) {
  const position = { $ifNull: ['$updateDescription.updatedFields.position', '$fullDocument.position'] };
  return await openChanges<Position | JournalDelete>(db, {
    collection: 'order_events',
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
        $project: { operationType: 1, position, orderId: { $first: { $split: ['$documentKey._id', ':'] } } },
      },
    ],
  });
}

/**
 * The server will not go on at this token: its place is no longer in the log (`ChangeStreamHistoryLost`), or it is none of
 * this journal. Errors that pass carry a label of the server's.
 */
export function isLostToken(error: unknown): boolean {
  return error instanceof MongoServerError && !error.hasErrorLabel('ResumableChangeStreamError');
}
