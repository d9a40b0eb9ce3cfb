import { type Db, MongoServerError } from 'mongodb';
import { openChanges } from '../platform/change-batches.js';

export interface JournalInsert {
  readonly fullDocument: { readonly orderId: string; readonly version: number };
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
      { $project: { 'fullDocument.orderId': 1, 'fullDocument.version': 1 } },
    ],
    resumeToken,
  });
}

/**
 * The server will not go on at this token: its place is no longer in the log (`ChangeStreamHistoryLost`), or it is none of
 * this journal. Errors that pass carry a label of the server's.
 */
export function isLostToken(error: unknown): boolean {
  return error instanceof MongoServerError && !error.hasErrorLabel('ResumableChangeStreamError');
}
