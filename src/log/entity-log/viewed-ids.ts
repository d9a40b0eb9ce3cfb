import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog } from './entity-log.js';
import { stateViews, withStopped } from './state-view.js';

/* Ids of entities, as the state view has them. */

/** The ids of all entities that have a view, ascending. */
export function viewedIds(log: AnyLog, db: Db): AsyncIterable<string> {
  return stateViews(log, db)
    .find({}, { ...committed, projection: { _id: 1 } })
    .sort({ _id: 1 })
    .map(({ _id }) => _id);
}

const PAGE_SIZE = 500;

/**
 * The ids of entities that must have a running workflow, according to their views, ascending. They
 * are read page by page, so no cursor stays open while the caller works on a page.
 *
 * @param changedSince ISO-8601 UTC: leaves out those whose last event is older; all by default
 */
export async function* unfinishedIds(log: AnyLog, db: Db, changedSince = ''): AsyncGenerator<string, void> {
  let page: readonly string[];
  let after = '';
  do {
    page = await stateViews(log, db)
      .find(
        { finished: false, _id: { $gt: after }, updatedAt: { $gte: changedSince } },
        { ...committed, projection: { _id: 1 } },
      )
      .sort({ _id: 1 })
      .limit(PAGE_SIZE)
      .map(({ _id }) => _id)
      .toArray();
    yield* page;
    after = page.at(-1) ?? '';
  } while (page.length === PAGE_SIZE);
}

/** The ids of all entities whose views are marked as stopped. */
export function stoppedIds(log: AnyLog, db: Db): AsyncIterable<string> {
  return stateViews(log, db)
    .find(withStopped, { ...committed, projection: { _id: 1 } })
    .map(({ _id }) => _id);
}

/**
 * The ids of entities that are not finished and have changed since a time (ISO-8601 UTC), the
 * latest first, at most `limit`.
 */
export async function latestChangedIds(
  log: AnyLog,
  db: Db,
  since: string,
  limit: number,
): Promise<readonly string[]> {
  if (limit === 0) return [];
  return await stateViews(log, db)
    .find({ updatedAt: { $gte: since }, finished: false }, { ...committed, projection: { _id: 1 } })
    .sort({ updatedAt: -1 })
    .limit(limit)
    .map(({ _id }) => _id)
    .toArray();
}

/** Which of these entities have no view that matches the filter. Every view matches by default. */
export async function notViewed(
  log: AnyLog,
  db: Db,
  orderIds: readonly string[],
  filter: { readonly finished?: boolean } = {},
): Promise<readonly string[]> {
  const viewed = new Set(
    await stateViews(log, db).distinct('_id', { ...filter, _id: { $in: [...orderIds] } }, committed),
  );
  return orderIds.filter((orderId) => !viewed.has(orderId));
}
