import type { Db } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import { type ParkedEvent, parkedEvents } from './parked-events.js';
import type { AnyView } from './view.js';
import { viewBuilds } from './view-builds.js';

/**
 * Parked events of the active build with positions greater than `after`, ascending, at most
 * `limit`. If `orderId` is given, only events of that entity.
 */
export async function listParked(
  db: Db,
  { name }: AnyView,
  {
    after = 0,
    limit,
    orderId,
  }: { readonly after?: number; readonly limit: number; readonly orderId?: string },
): Promise<readonly ParkedEvent[]> {
  const state = await viewBuilds(db).findOne({ _id: name }, committedInTime);
  if (state === null) return [];
  const { collection } = state;
  const ofOrder = orderId === undefined ? {} : { orderId };
  return await parkedEvents(db)
    .find({ collection, ...ofOrder, position: { $gt: after } }, committedInTime)
    .sort({ position: 1 })
    .limit(limit)
    .toArray();
}
