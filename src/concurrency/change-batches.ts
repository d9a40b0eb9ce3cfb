import type { Db, Document, Long } from 'mongodb';

/** The changes of a collection in the order in which they were committed, batch by batch. */
export interface ChangeBatches<C> {
  /** The next changes; none when `waitMs` pass without any. */
  next(waitMs: number): Promise<ChangeBatch<C>>;
  close(): Promise<void>;
}

export interface ChangeBatch<C> {
  readonly changes: readonly C[];
  /** there may be more already: the batch could not hold them */
  readonly isFull: boolean;
  /** where to go on after this batch */
  readonly resumeToken: unknown;
}

export interface ChangesQuery {
  readonly collection: string;
  /** behind the `$changeStream`; it decides what a change looks like */
  readonly pipeline: readonly Document[];
  /** where to begin; at now where there is none */
  readonly resumeToken?: unknown;
}

interface CursorReply<C> {
  readonly cursor: {
    readonly id: Long | number;
    readonly firstBatch?: readonly C[];
    readonly nextBatch?: readonly C[];
    readonly postBatchResumeToken: unknown;
  };
}

const batchSize = 500;

/** The collection was dropped or renamed: what a stream of it has told since then, and would tell, is of another one. */
export class StreamOver extends Error {
  override readonly name = 'StreamOver';
}

/**
 * Opens a change stream by the server's own commands, since they give whole batches with one token each, where the driver's
 * stream gives one change at a time and goes on behind an error by itself, untold.
 *
 * @throws MongoServerError, StreamOver; then, and whenever `next` throws, the stream is over
 */
export async function openChanges<C>(
  db: Db,
  { collection, pipeline, resumeToken }: ChangesQuery,
): Promise<ChangeBatch<C> & ChangeBatches<C>> {
  const session = db.client.startSession();
  const endSession = async (): Promise<void> => await session.endSession().catch(() => undefined);
  const command = async (body: object) => {
    // The reply's shape is the server's contract for these two commands, and the pipeline's.
    const { cursor } = (await db.command(body, { session })) as CursorReply<C>;
    if (Number(cursor.id) === 0) throw new StreamOver(`The changes of ${collection} are over.`);
    const changes = cursor.firstBatch ?? cursor.nextBatch ?? [];
    const batch: ChangeBatch<C> = {
      changes,
      isFull: changes.length >= batchSize,
      resumeToken: cursor.postBatchResumeToken,
    };
    return { id: cursor.id, batch };
  };
  try {
    const $changeStream = resumeToken === undefined ? {} : { resumeAfter: resumeToken };
    const { id, batch } = await command({
      aggregate: collection,
      pipeline: [{ $changeStream }, ...pipeline],
      cursor: { batchSize },
    });
    return {
      ...batch,
      next: async (waitMs) =>
        (await command({ getMore: id, collection, batchSize, maxTimeMS: waitMs })).batch,
      async close() {
        await db.command({ killCursors: collection, cursors: [id] }, { session }).catch(() => undefined);
        await endSession();
      },
    };
  } catch (error) {
    await endSession();
    throw error;
  }
}
