import { type Static, Type } from 'typebox';
import { Instant } from './order.js';
import { closed } from './values.js';

const optional = Type.Optional;
const Count = Type.Integer();

/** The progress of a rebuild. */
export const Progress = closed({
  rebuildId: Type.String(),
  startedAt: Instant,
  done: Count,
  total: Type.Integer({ description: 'as far as known' }),
  perSecond: Count,
  secondsLeft: optional(Type.Integer({ description: 'absent while unknown' })),
});
export type Progress = Static<typeof Progress>;

/** The status of a feed view. */
export const ViewStatus = closed({
  name: Type.String(),
  version: Type.Integer({
    description: 'the version of the fold that built the view; 0 if nothing was built yet',
  }),
  latestVersion: Count,
  position: Count,
  head: Type.Integer({ description: 'the last position of the feed' }),
  eventsBehind: Count,
  msBehind: Type.Integer({ description: 'age of the oldest event that is not applied, in milliseconds' }),
  parked: Type.Integer({ description: 'parked events' }),
  at: optional(Instant),
  rebuildId: optional(Type.String({ description: 'the id of the rebuild that made the view' })),
  previous: optional(closed({ version: Count, position: Count })),
  rebuilding: optional(Progress),
});
export type ViewStatus = Static<typeof ViewStatus>;

/** A state view, or a journal. */
export const StoreStatus = closed({
  name: Type.String(),
  version: optional(
    Type.Integer({
      description: 'the version of the fold that built the store; absent if it was never rebuilt',
    }),
  ),
  rebuildId: optional(Type.String({ description: 'the id of the last completed rebuild' })),
  at: optional(Instant),
  exceptions: optional(
    closed({
      count: Type.Integer({ description: 'entities that could not be rebuilt from their first event' }),
      orderIds: Type.Unsafe<readonly string[]>(
        Type.Array(Type.String(), { description: 'the first hundred' }),
      ),
    }),
  ),
  rebuilding: optional(Progress),
});

export type StoreStatus = Static<typeof StoreStatus>;

/** The state of the feed, the views and the stores. */
export const Projections = closed({
  feed: closed({
    head: Count,
    generation: Count,
    commonUntil: Count,
    unsequenced: Count,
    behindMs: Type.Integer({ description: 'age of the oldest event without a position, in milliseconds' }),
  }),
  views: Type.Array(ViewStatus),
  stores: Type.Array(StoreStatus),
});
export type Projections = Static<typeof Projections>;

/** An event that a view could not apply, or that waits for an earlier one. */
export const ParkedEvent = closed({
  orderId: Type.String(),
  version: Count,
  type: Type.String(),
  position: Count,
  status: Type.Enum(['parked', 'waiting']),
  error: optional(Type.String()),
  at: Instant,
});
export type ParkedEvent = Static<typeof ParkedEvent>;
