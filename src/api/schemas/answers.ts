import { type Static, Type } from 'typebox';
import { scopes } from '../../access/scopes.js';
import { Instant } from './order.js';
import { closed } from './values.js';
import { effectMembers, UpcomingDeadline } from './upcoming.js';

/** Answers that the page reads, too. This file imports no server and no driver. */

const optional = Type.Optional;
const Count = Type.Integer();

/** What an order waits for. */
export const Next = closed({
  orderId: Type.String(),
  version: Type.Integer(),
  deadlines: Type.Array(UpcomingDeadline, {
    description: 'times at which the order changes without a command, the earliest first',
  }),
  effects: Type.Array(
    closed({
      ...effectMembers,
      since: Instant,
      attempts: optional(Type.Integer({ description: 'so far; absent if Temporal does not say' })),
      lastError: optional(Type.String()),
      nextTryAt: optional(Instant),
    }),
    { description: 'what the order owes the outside world' },
  ),
  workflow: optional(
    closed(
      {
        id: Type.String(),
        runId: Type.String(),
        status: Type.String({ description: 'of the latest run, such as `running` or `completed`' }),
        url: optional(Type.String({ description: 'in the Temporal Web UI, if its address is known' })),
      },
      { description: 'absent if Temporal does not answer, or does not keep it' },
    ),
  ),
});
export type Next = Static<typeof Next>;

/** Whether an order's copies agree. */
export const Proof = closed({
  orderId: Type.String(),
  checkedAt: Instant,
  version: Type.Integer({ description: 'the version of the last event in the journal; 0 if it has none' }),
  position: optional(
    Type.Integer({ description: 'the position of that event in the feed; absent if it has none yet' }),
  ),
  agrees: Type.Boolean(),
  hasHistory: Type.Boolean({
    description: 'false if Temporal has deleted the history; then the journal is checked alone',
  }),
  differences: Type.Array(
    closed({
      where: Type.Enum([
        'journal',
        'history',
        'view',
        'workflow',
        'positions',
        'stock',
        'payments',
        'carriers',
      ]),
      kind: Type.Enum(['differs', 'behind', 'stopped', 'unanswered']),
      version: optional(Type.Integer()),
      key: optional(Type.String({ description: 'the key of the effect' })),
      detail: Type.String(),
      remedy: optional(Type.String()),
    }),
  ),
});
export type Proof = Static<typeof Proof>;

/** How far a rebuild is. */
export const Progress = closed({
  rebuildId: Type.String(),
  startedAt: Instant,
  done: Count,
  total: Type.Integer({ description: 'as far as known' }),
  perSecond: Count,
  secondsLeft: optional(Type.Integer({ description: 'absent while unknown' })),
});
export type Progress = Static<typeof Progress>;

/** A view across orders. */
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

/** A store that is not built from the feed. */
const StoreStatus = closed({
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
      count: Type.Integer({ description: 'orders that could not be rebuilt from their first event' }),
      orderIds: Type.Array(Type.String(), { description: 'the first hundred' }),
    }),
  ),
  rebuilding: optional(Progress),
});

/** The state of the feed, the views and the stores. */
export const Projections = closed({
  feed: closed({
    head: Count,
    generation: Count,
    commonUntil: Count,
    unsequenced: Count,
    behindMs: Type.Integer({ description: 'milliseconds' }),
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

/** One change of the stock of a SKU. */
export const Movement = closed({
  id: Type.String({ description: 'the key of the effect that moved it, or of the count' }),
  at: Type.String({ description: 'ISO-8601 UTC' }),
  type: Type.Enum(['reserve', 'release', 'deduct', 'restock', 'set', 'carried']),
  quantity: Type.Integer({ description: 'units moved; for `set`, the units on hand then' }),
  outcome: Type.String(),
  orderId: optional(Type.String()),
});
export type Movement = Static<typeof Movement>;

/** What the roles of a process can do now. */
export const Readiness = closed({
  status: Type.Enum(['ready', 'degraded', 'unavailable']),
  roles: Type.Record(Type.String(), Type.Enum(['ready', 'unavailable'])),
  dependencies: Type.Array(
    closed({
      name: Type.String(),
      status: Type.Enum(['up', 'degraded', 'down', 'unknown'], {
        description: 'unknown: the server to ask is down',
      }),
      detail: optional(Type.String()),
      cost: optional(Type.String({ description: 'what does not work meanwhile' })),
    }),
  ),
});
export type Readiness = Static<typeof Readiness>;

/** Who the caller is. */
export const Session = closed({
  authentication: Type.Enum(['on', 'off'], { description: 'off: everybody may do everything' }),
  actor: optional(Type.String({ description: 'who the caller is; absent without a sign-in' })),
  scopes: Type.Array(Type.Enum([...scopes]), { description: 'what the caller may do' }),
});
export type Session = Static<typeof Session>;
