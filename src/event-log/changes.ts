import { type Db, MongoServerError } from 'mongodb';
import { openChanges } from '../platform/change-batches.js';

/** An event that was recorded. */
export interface JournalInsert {
  readonly orderId: string;
  readonly version: number;
  /** it waits for its position */
  readonly unsequenced?: true;
}

/**
 * Opens the stream of the journal's inserts, at `resumeToken` or at now.
 *
 * @throws MongoServerError for which `isLostToken` holds
 */
export async function openJournalInserts(db: Db, resumeToken?: unknown) {
  return await openChanges<JournalInsert>(db, {
    collection: 'order_events',
    pipeline: [
      { $match: { operationType: 'insert' } },
      {
        $project: {
          orderId: '$fullDocument.orderId',
          version: '$fullDocument.version',
          unsequenced: '$fullDocument.unsequenced',
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
  return await openChanges<Position>(db, {
    collection: 'order_events',
    pipeline: [
      {
        $match: {
          $or: [
            { 'updateDescription.updatedFields.position': { $gt: 0 } },
            { 'fullDocument.position': { $gt: 0 } },
          ],
        },
      },
      { $project: { position, orderId: { $first: { $split: ['$documentKey._id', ':'] } } } },
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
