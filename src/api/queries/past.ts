import type { Db } from 'mongodb';
import { fold } from '../../order/evolve.js';
import type { Order } from '../../order/order.js';
import { upcast } from '../../order/upcasters.js';
import { answering } from '../../log/journal/durability.js';
import { laterBeginnings, readStored } from '../../log/journal/journal.js';
import { type Diff, diff, eventsUntil, type Moment, unbroken } from '../../log/journal/time-travel.js';
import { HttpProblem } from '../problem.js';
import { badQuery } from './instant.js';
import type { OrderReader } from './order-reader.js';
import { logUnreadable, orderNotFound } from './resume-points.js';

const { maxTimeMS } = answering;

/** Orders as they were, from the journal alone. */
export interface Past {
  /**
   * @returns the order, and whether the answer will ever be the same: what happened at a time is
   *   known for good once something later is
   * @throws HttpProblem 404 where there is no such order, version, or not yet an order at that
   *   time, or its log up to then is not whole any more or cannot be read; 400 for the future
   */
  orderAt(orderId: string, moment: Moment): Promise<{ readonly order: Order; readonly isFinal: boolean }>;
  /**
   * What changed behind version `from`, up to `to` or as far as the journal goes.
   *
   * @throws HttpProblem 404 where there is no such order or version, or its log is not whole any
   *   more or cannot be read; 400 where `to` is before `from`
   */
  diff(orderId: string, from: number, to: number | undefined): Promise<Diff>;
}

export function createPast(db: Db, reader: OrderReader): Past {
  /** The events of an order without gaps, from the first on, `limit` at most. */
  async function logOf(orderId: string, limit?: number) {
    const found = await readStored(db, orderId, { maxTimeMS, ...(limit === undefined ? {} : { limit }) });
    const log = unbroken(found);
    if (log.length < found.length) await assertPast(orderId);
    if (log.length > 0) return log;
    const order = await reader.read(orderId);
    if (order === undefined) throw orderNotFound(orderId);
    const detail = `Order ${orderId} is accepted, but none of its events is in the journal yet. Try again soon.`;
    throw new HttpProblem(503, 'not_recorded_yet', detail, { version: order.version });
  }

  /** @throws HttpProblem 404 where the gap in the order's log will never be filled */
  async function assertPast(orderId: string): Promise<void> {
    const version = (await laterBeginnings(db, [orderId], { maxTimeMS })).get(orderId);
    if (version === undefined) return;
    const detail = `Nobody has the events of order ${orderId} before version ${version} any more: how it was cannot be told.`;
    throw new HttpProblem(404, 'log_incomplete', detail, { version });
  }

  return {
    async orderAt(orderId, moment) {
      const isFuture = 'at' in moment && moment.at > new Date().toISOString();
      if (isFuture) throw badQuery('at', `${moment.at} is in the future`);
      const log = await logOf(orderId, 'version' in moment ? moment.version : undefined);
      if ('version' in moment && log.length < moment.version)
        throw noVersion(orderId, moment.version, log.length);
      const order = readable(orderId, () => fold(eventsUntil(log, moment).map((event) => upcast(event))));
      if (order === undefined) {
        const detail = `Order ${orderId} was created at ${log[0]?.occurredAt}: at that time there was none.`;
        throw new HttpProblem(404, 'order_not_created_yet', detail);
      }
      return { order, isFinal: 'version' in moment || order.version < log.length };
    },
    async diff(orderId, from, to) {
      if (to !== undefined && to < from) throw badQuery('to', `${to} is before from, which is ${from}`);
      const log = await logOf(orderId, to);
      const last = Math.max(from, to ?? log.length);
      if (log.length < last) throw noVersion(orderId, last, log.length);
      return readable(orderId, () =>
        diff(
          log.map((event) => upcast(event)),
          from,
          last,
        ),
      );
    },
  };
}

/** What is told of a log by itself: whatever fails, it is the log. */
function readable<T>(orderId: string, tell: () => T): T {
  try {
    return tell();
  } catch (error) {
    throw logUnreadable(orderId, error);
  }
}

function noVersion(orderId: string, version: number, head: number): HttpProblem {
  const detail = `The journal of order ${orderId} ends at version ${head}: there is no version ${version}, or not yet.`;
  return new HttpProblem(404, 'version_not_found', detail, { version: head });
}
