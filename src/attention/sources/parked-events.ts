import { eventId } from '../../log/event-id.js';
import { parkedEvents } from '../../log/views/parked-events.js';
import { viewBuilds } from '../../log/views/view-builds.js';
import { committedInTime } from '../../mongodb/durability.js';
import { pageFilter } from '../cursor.js';
import type { Source } from '../source.js';

/**
 * Events that a view in use could not apply. Later events of the same order wait for them and are
 * not listed.
 */
export const parkedEventsOfViews: Source = async ({ db, before, after, limit }) => {
  const built = await viewBuilds(db)
    .find({ parked: { $gt: 0 } }, { ...committedInTime, projection: { collection: 1 } })
    .toArray();
  if (built.length === 0) return [];
  const read = { status: 'parked' as const, collection: { $in: built.map(({ collection }) => collection) } };
  const found = await parkedEvents(db)
    .find(pageFilter('at', before, after, read), committedInTime)
    .sort({ at: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: id, view, orderId, version, type, error, at }) => ({
    id,
    row: {
      orderId,
      code: 'event_parked',
      since: at,
      detail: `the view ${view} could not apply version ${version}, ${type}: ${error}`,
      remedy: `npx orders parked retry ${view} ${eventId({ orderId, version })} --reason "…", once the cause is fixed`,
    },
  }));
};
