import type { Db } from 'mongodb';
import { contiguous } from '../../log/journal/fold.js';
import { fold } from '../../order/evolve.js';
import type { Order } from '../../order/order.js';
import { upcast } from '../../order/upcasters.js';
import { committedInTime } from '../../mongodb/durability.js';
import { readStoredEvents } from '../../log/journal/read-journal.js';
import { truncationPoints } from '../../log/journal/truncated-log.js';
import { type Diff, diff } from '../../log/journal/diff.js';
import { eventsUntil, type Moment } from '../../log/journal/time-travel.js';
import { HttpProblem } from '../problem.js';
import { badQuery } from './query-parameters.js';
import type { OrderReader } from './order-reader.js';
import { unreadableLog, orderNotFound } from './order-problems.js';
import { orderLog } from '../../order-log.js';

const { maxTimeMS } = committedInTime;

/** Reads earlier states of orders, from the journal. */
export interface Past {
  /**
   * @returns the order, and whether the answer is final: an answer for a time is final if a later
   *   event exists
   * @throws HttpProblem 404 if there is no such order or version, the order did not exist at that
   *   time, or its log up to then has lost events or cannot be read; 400 for a time in the future;
   *   503 if the journal has none of its events yet
   */
  orderAt(orderId: string, moment: Moment): Promise<{ readonly order: Order; readonly isFinal: boolean }>;
  /**
   * What changed after version `from`, up to `to` or the last event in the journal.
   *
   * @throws HttpProblem 404 if there is no such order or version, or the log has lost events or
   *   cannot be read; 400 if `to` is before `from`; 503 if the journal has none of its events yet
   */
  diff(orderId: string, from: number, to: number | undefined): Promise<Diff>;
}

export function createPast(db: Db, reader: OrderReader): Past {
  /** The events of an order from the first one up to a gap, `limit` at most. */
  async function logOf(orderId: string, limit?: number) {
    const found = await readStoredEvents(orderLog, db, orderId, {
      maxTimeMS,
      ...(limit === undefined ? {} : { limit }),
    });
    const log = contiguous(found);
    if (log.length < found.length) await refuseTruncated(orderId);
    if (log.length > 0) return log;
    const order = await reader.read(orderId);
    if (order === undefined) throw orderNotFound(orderId);
    const detail = `Order ${orderId} is accepted, but none of its events is in the journal yet. Try again soon.`;
    throw new HttpProblem(503, 'not_recorded_yet', detail, { version: order.version });
  }

  /** @throws HttpProblem 404 if the gap in the order's log can never be filled */
  async function refuseTruncated(orderId: string): Promise<void> {
    const version = (await truncationPoints(orderLog, db, [orderId], { maxTimeMS })).get(orderId);
    if (version === undefined) return;
    const detail = `The events of order ${orderId} before version ${version} are lost, so its earlier states are unknown.`;
    throw new HttpProblem(404, 'log_incomplete', detail, { version });
  }

  return {
    async orderAt(orderId, moment) {
      const isFuture = 'at' in moment && moment.at > new Date().toISOString();
      if (isFuture) throw badQuery('at', `${moment.at} is in the future`);
      const log = await logOf(orderId, 'version' in moment ? moment.version : undefined);
      if ('version' in moment && log.length < moment.version)
        throw noVersion(orderId, moment.version, log.length);
      const order = orUnreadable(orderId, () => fold(eventsUntil(log, moment).map((event) => upcast(event))));
      if (order === undefined) {
        const detail = `Order ${orderId} was created later, at ${log[0]?.occurredAt}.`;
        throw new HttpProblem(404, 'order_not_created_yet', detail);
      }
      return { order, isFinal: 'version' in moment || order.version < log.length };
    },
    async diff(orderId, from, to) {
      if (to !== undefined && to < from) throw badQuery('to', `${to} is before from, which is ${from}`);
      const log = await logOf(orderId, to);
      const last = Math.max(from, to ?? log.length);
      if (log.length < last) throw noVersion(orderId, last, log.length);
      return orUnreadable(orderId, () =>
        diff(
          orderLog,
          log.map((event) => upcast(event)),
          from,
          last,
        ),
      );
    },
  };
}

/** Runs a computation that depends only on the log. Throws its error as `unreadableLog`. */
function orUnreadable<T>(orderId: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    throw unreadableLog(orderId, error);
  }
}

function noVersion(orderId: string, version: number, head: number): HttpProblem {
  const detail = `The journal of order ${orderId} ends at version ${head}: there is no version ${version}, or not yet.`;
  return new HttpProblem(404, 'version_not_found', detail, { version: head });
}
