import type { AggregationCursor, Db, Document, Filter, FindCursor, WithId } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import { type Build, viewBuilds } from './view-builds.js';
import { type AnyView, documents, type ViewDocument } from './view.js';
import { withTimeout } from '../../outages/timeout.js';

/** The position of a view at the time of a read. */
export interface AsOf {
  /**
   * the answer has every event up to this position, except those that are parked, skipped or lost,
   * and no later one
   */
  readonly position: number;
  /** ISO-8601 UTC, when the view reached this position; absent if it was never fed */
  readonly at?: string;
}

const READ_WITHIN_MS = 4_000;
/** Only the time limit of `committedInTime`, because a snapshot session sets the read concern. */
const { maxTimeMS } = committedInTime;

/** The documents of a view at one point in time. */
export interface Reading<D extends ViewDocument> {
  readonly find: (filter: Filter<D>) => FindCursor<WithId<D>>;
  readonly aggregate: <R extends object>(pipeline: Document[]) => AggregationCursor<R>;
}

/**
 * Reads documents of a view, and the position of the view, at one point in time, even if the view
 * is written or swapped meanwhile.
 */
export async function readView<D extends ViewDocument, T>(
  db: Db,
  { name }: AnyView,
  query: (view: Reading<D>) => Promise<T>,
): Promise<{ readonly found: T; readonly asOf: AsOf }> {
  const reading = db.client.withSession({ snapshot: true }, async (session) => {
    const build = await viewBuilds(db).findOne<Pick<Build, 'collection' | 'position' | 'at'>>(
      { _id: name },
      { session, maxTimeMS, projection: { _id: 0, collection: 1, position: 1, at: 1 } },
    );
    // The view has no build yet, or the state of its builds was lost.
    const collection = documents<D>(db, build?.collection ?? `${name}_1`);
    const found = await query({
      find: (filter) => collection.find(filter, { session, maxTimeMS }),
      aggregate: (pipeline) => collection.aggregate(pipeline, { session, maxTimeMS }),
    });
    return { found, asOf: build === null ? { position: 0 } : { position: build.position, at: build.at } };
  });
  return await withTimeout(READ_WITHIN_MS, reading);
}
