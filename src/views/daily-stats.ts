import type { Db } from 'mongodb';
import { Type } from 'typebox';
import type { OrderEvent } from '../order/events.js';
import type { Order } from '../order/order.js';
import { capturedAmount, refundedAmount } from '../order/view.js';
import { type StoredSum, sumOf } from '../log/views/stored-numbers.js';
import { type AsOf, readView } from '../log/views/read-view.js';
import type { ViewChange } from '../log/views/view.js';
import { BadParameter, type Body, closed, Count, Money, type ViewQuery, viewQuery } from './query.js';
import type { SummaryFeedView } from './order-feed-view.js';

const Milliseconds = Type.Integer({ description: 'milliseconds' });

/** What happened on one day (UTC) in one currency. */
const dayStats = {
  day: Type.String(),
  currency: Type.String(),
  created: Count,
  confirmed: Count,
  cancelled: Type.Integer({ description: 'orders that were cancelled as a whole' }),
  rejected: Count,
  expired: Count,
  revenue: Money('captured that day, in minor units'),
  refunds: Money('paid back that day, in minor units'),
  cancellationRate: Type.Union([Type.Number(), Type.Null()], {
    description: 'the part of the orders created that day that were cancelled as a whole, then or later',
  }),
  timeToConfirm: Type.Union(
    [closed({ average: Milliseconds, shortest: Milliseconds, longest: Milliseconds }), Type.Null()],
    { description: 'from creation to confirmation, of the orders that were confirmed that day' },
  ),
};

export type DailyStats = Body<typeof dayStats>;

interface DayDocument {
  /** `<day>:<currency>` */
  readonly _id: string;
  readonly created?: number;
  readonly createdAndCancelled?: number;
  readonly confirmed?: number;
  readonly cancelled?: number;
  readonly rejected?: number;
  readonly expired?: number;
  readonly revenue?: StoredSum;
  readonly refunds?: StoredSum;
  readonly msToConfirm?: number;
  readonly shortestToConfirm?: number;
  readonly longestToConfirm?: number;
}

const queries: readonly ViewQuery[] = [
  viewQuery({
    path: '/v1/stats',
    summary: 'What happened day by day',
    description:
      'Days are UTC, both ends included, a leap year at most; the last thirty by default. Days on which nothing happened are left out.',
    filters: { from: 'day', to: 'day', currency: 'currency' },
    body: {
      from: Type.String(),
      to: Type.String(),
      data: Type.Array(closed(dayStats)),
    },
    async run(db, { filters }) {
      const { currency } = filters;
      const { from, to } = rangeOf(filters);
      const { found, asOf } = await listDailyStats(db, {
        from,
        to,
        ...(currency !== undefined && { currency }),
      });
      return { found: { from, to, data: found }, asOf };
    },
  }),
];

export const dailyStats: SummaryFeedView = {
  name: 'daily-stats',
  version: 2,
  indexes: [],
  queries,
  fold(event, before, after) {
    const today = documentId(event.occurredAt, after);
    const changes: ViewChange[] = [];
    if (before === undefined) changes.push({ id: today, add: { created: 1 } });
    else if (before.status !== after.status) changes.push(...became(event, today, after));
    const revenue = capturedAmount(after) - (before === undefined ? 0 : capturedAmount(before));
    const refunds = refundedAmount(after) - (before === undefined ? 0 : refundedAmount(before));
    if (revenue !== 0) changes.push({ id: today, add: { revenue: BigInt(revenue) } });
    if (refunds !== 0) changes.push({ id: today, add: { refunds: BigInt(refunds) } });
    return changes;
  },
};

function became(event: OrderEvent, today: string, after: Order): readonly ViewChange[] {
  switch (after.status) {
    case 'confirmed': {
      const ms = Date.parse(event.occurredAt) - Date.parse(after.createdAt);
      return [
        {
          id: today,
          add: { confirmed: 1, msToConfirm: ms },
          min: { shortestToConfirm: ms },
          max: { longestToConfirm: ms },
        },
      ];
    }
    case 'cancelled':
      return [
        { id: today, add: { cancelled: 1 } },
        { id: documentId(after.createdAt, after), add: { createdAndCancelled: 1 } },
      ];
    case 'rejected':
    case 'expired':
      return [{ id: today, add: { [after.status]: 1 } }];
    default:
      return [];
  }
}

function documentId(time: string, { currency }: Order): string {
  return `${dayOf(time)}:${currency}`;
}

function dayOf(time: string): string {
  return time.slice(0, 10);
}

/**
 * The days on which something happened, sorted by day, then by currency.
 *
 * @param range days such as `2026-01-31`, both included
 */
export async function listDailyStats(
  db: Db,
  { from, to, currency }: { readonly from: string; readonly to: string; readonly currency?: string },
): Promise<{ readonly found: readonly DailyStats[]; readonly asOf: AsOf }> {
  return await readView<DayDocument, readonly DailyStats[]>(db, dailyStats, async ({ find }) => {
    const days = await find({ _id: { $gte: `${from}:`, $lt: `${to};` } })
      .sort({ _id: 1 })
      .toArray();
    return days.map(toStats).filter((stats) => currency === undefined || stats.currency === currency);
  });
}

function toStats(document: DayDocument): DailyStats {
  const { _id, created = 0, createdAndCancelled = 0, confirmed = 0, msToConfirm = 0 } = document;
  const { shortestToConfirm = 0, longestToConfirm = 0 } = document;
  const { cancelled = 0, rejected = 0, expired = 0 } = document;
  const [day = '', currency = ''] = _id.split(':');
  return {
    day,
    currency,
    created,
    confirmed,
    cancelled,
    rejected,
    expired,
    revenue: sumOf(document.revenue),
    refunds: sumOf(document.refunds),
    cancellationRate: created === 0 ? null : createdAndCancelled / created,
    timeToConfirm:
      confirmed === 0
        ? null
        : {
            average: Math.round(msToConfirm / confirmed),
            shortest: shortestToConfirm,
            longest: longestToConfirm,
          },
  };
}

const MAX_RANGE_DAYS = 366;
const DEFAULT_RANGE_DAYS = 30;
const DAY_MS = 86_400_000;

/** @throws BadParameter for a day that does not exist, and for a range that is empty or too long */
function rangeOf(query: { readonly from?: string; readonly to?: string }): { from: string; to: string } {
  const lastDay = query.to === undefined ? undefined : startOf('to', query.to);
  const firstDay = query.from === undefined ? undefined : startOf('from', query.from);
  const span = (DEFAULT_RANGE_DAYS - 1) * DAY_MS;
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const to = lastDay ?? Math.max(today, firstDay ?? 0);
  const from = firstDay ?? to - span;
  if (from > to) throw new BadParameter('from', 'must not be after to');
  if (to - from >= MAX_RANGE_DAYS * DAY_MS) {
    throw new BadParameter(
      'from',
      `must be less than ${MAX_RANGE_DAYS} days before to, which is ${textOf(to)}`,
    );
  }
  return { from: textOf(from), to: textOf(to) };
}

function startOf(name: 'from' | 'to', text: string): number {
  const time = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(time) || textOf(time) !== text)
    throw new BadParameter(name, `must be a day of the calendar, not ${text}`);
  return time;
}

function textOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
