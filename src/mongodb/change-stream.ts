import { type Db, type Document, Long } from 'mongodb';
import { pause } from '../concurrency/pause.js';

/** The changes of a collection, or of a database, in commit order, in batches. */
export interface ChangeStream<C> {
  /** The next batch; it is empty if `waitMs` pass without a change, or `signal` aborts. */
  next(waitMs: number, signal?: AbortSignal): Promise<ChangeBatch<C>>;
  close(): Promise<void>;
}

export interface ChangeBatch<C> {
  readonly changes: readonly C[];
  /** the batch reached its maximum size, so more changes may be waiting */
  readonly isFull: boolean;
  /** resumes the stream after this batch */
  readonly resumeToken: unknown;
}

export interface ChangeStreamQuery {
  /** absent for all collections of the database */
  readonly collection?: string;
  /** stages after `$changeStream`; they determine the shape `C` */
  readonly pipeline: readonly Document[];
  /** the stream starts after this token; if absent, with the next change */
  readonly resumeToken?: unknown;
  /**
   * minimum time from one batch with changes to the next, so that a batch has many changes under
   * load; none by default
   */
  readonly paceMs?: number;
}

interface CursorReply<C> {
  readonly cursor: {
    readonly id: Long | number;
    readonly firstBatch?: readonly C[];
    readonly nextBatch?: readonly C[];
    readonly postBatchResumeToken: unknown;
  };
}

const BATCH_SIZE = 500;

/** The stream was invalidated: the collection or the database was dropped, or renamed. */
export class ChangeStreamEnded extends Error {
  override readonly name = 'ChangeStreamEnded';
}

/**
 * Opens a change stream with the server commands `aggregate` and `getMore`. The driver's own stream
 * gives one change at a time and resumes after errors without notice. This stream gives batches,
 * each with its resume token, and every error reaches the caller.
 *
 * @throws MongoServerError, ChangeStreamEnded, here or from `next`; after an error of `next`, the
 *   caller closes the stream
 */
export async function openChangeStream<C>(
  db: Db,
  { collection, pipeline, resumeToken, paceMs = 0 }: ChangeStreamQuery,
): Promise<ChangeBatch<C> & ChangeStream<C>> {
  // The server uses this name for the cursors of a whole database.
  const cursors = collection ?? '$cmd.aggregate';
  const session = db.client.startSession();
  const endSession = async (): Promise<void> => await session.endSession().catch(() => undefined);
  const command = async (body: object, signal?: AbortSignal) => {
    // The server documents the shape of the answer to these two commands. The pipeline determines
    // `C`.
    const { cursor } = (await db.command(body, { session, ...(signal && { signal }) })) as CursorReply<C>;
    if (Number(cursor.id) === 0)
      throw new ChangeStreamEnded(`The change stream of ${collection ?? db.databaseName} has ended.`);
    const changes = cursor.firstBatch ?? cursor.nextBatch ?? [];
    const batch: ChangeBatch<C> = {
      changes,
      isFull: changes.length >= BATCH_SIZE,
      resumeToken: cursor.postBatchResumeToken,
    };
    return { id: asLong(cursor.id), batch };
  };
  try {
    const $changeStream = resumeToken === undefined ? {} : { resumeAfter: resumeToken };
    const { id, batch } = await command({
      aggregate: collection ?? 1,
      pipeline: [{ $changeStream }, ...pipeline],
      cursor: { batchSize: BATCH_SIZE },
    });
    let last = batch;
    let arrivedAt = performance.now();
    return {
      ...batch,
      async next(waitMs, signal) {
        try {
          if (last.changes.length > 0 && !last.isFull)
            await pause(arrivedAt + paceMs - performance.now(), signal);
          const more = { getMore: id, collection: cursors, batchSize: BATCH_SIZE, maxTimeMS: waitMs };
          last = (await command(more, signal)).batch;
          arrivedAt = performance.now();
          return last;
        } catch (error) {
          if (!signal?.aborted) throw error;
          return { ...last, changes: [], isFull: false };
        }
      },
      async close() {
        await db.command({ killCursors: cursors, cursors: [id] }, { session }).catch(() => undefined);
        await endSession();
      },
    };
  } catch (error) {
    await endSession();
    throw error;
  }
}

/**
 * A cursor's id as `getMore` takes it. The driver turns an id below 2^53, about one in a thousand,
 * into a number, and would send it as a double. The server refuses a double.
 */
export function asLong(id: Long | number): Long {
  return typeof id === 'number' ? Long.fromNumber(id) : id;
}
