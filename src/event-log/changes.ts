import { type ClientSession, type Db, type Long, MongoServerError } from 'mongodb';

/** The journal's inserts in the order in which they were committed, batch by batch. */
export interface JournalChanges {
  /** The next inserts; none when `waitMs` pass without any. */
  next(waitMs: number): Promise<ChangeBatch>;
  close(): Promise<void>;
}

export interface ChangeBatch {
  readonly inserts: readonly { readonly orderId: string; readonly version: number }[];
  /** where to go on after this batch */
  readonly resumeToken: unknown;
}

interface CursorReply {
  readonly cursor: {
    readonly id: Long | number;
    readonly firstBatch?: readonly { readonly fullDocument: { orderId: string; version: number } }[];
    readonly nextBatch?: readonly { readonly fullDocument: { orderId: string; version: number } }[];
    readonly postBatchResumeToken: unknown;
  };
}

const batchSize = 500;

/**
 * The server will not go on at this token: its place is no longer in the log (`ChangeStreamHistoryLost`), or it is none of
 * this journal. Errors that pass carry a label of the server's.
 */
export function isLostToken(error: unknown): boolean {
  return error instanceof MongoServerError && !error.hasErrorLabel('ResumableChangeStreamError');
}

/**
 * Opens the stream of the journal's inserts, at `resumeToken` or at now. The server's own commands, since they give whole
 * batches with one token each, where the driver's stream gives one change at a time.
 *
 * @throws MongoServerError for which `isLostToken` holds
 */
export async function openJournalChanges(
  db: Db,
  resumeToken?: unknown,
): Promise<ChangeBatch & JournalChanges> {
  const session = db.client.startSession();
  const command = async (body: object): Promise<CursorReply> => {
    // The reply's shape is the server's contract for these two commands.
    return (await db.command(body, { session })) as CursorReply;
  };
  try {
    const { cursor } = await command({
      aggregate: 'order_events',
      pipeline: [
        { $changeStream: resumeToken === undefined ? {} : { resumeAfter: resumeToken } },
        { $match: { operationType: 'insert' } },
        { $project: { 'fullDocument.orderId': 1, 'fullDocument.version': 1 } },
      ],
      cursor: { batchSize },
    });
    const { id } = cursor;
    return {
      inserts: (cursor.firstBatch ?? []).map(({ fullDocument }) => fullDocument),
      resumeToken: cursor.postBatchResumeToken,
      async next(waitMs) {
        const { cursor: more } = await command({
          getMore: id,
          collection: 'order_events',
          batchSize,
          maxTimeMS: waitMs,
        });
        return {
          inserts: (more.nextBatch ?? []).map(({ fullDocument }) => fullDocument),
          resumeToken: more.postBatchResumeToken,
        };
      },
      async close() {
        await db.command({ killCursors: 'order_events', cursors: [id] }, { session }).catch(() => undefined);
        await endSession(session);
      },
    };
  } catch (error) {
    await endSession(session);
    throw error;
  }
}

async function endSession(session: ClientSession): Promise<void> {
  await session.endSession().catch(() => undefined);
}
