import type { Db } from 'mongodb';
import { runSequencer } from '../../src/log/feed/sequencer.js';
import type { AnyLog } from '../../src/log/entity-log/entity-log.js';
import { journal } from '../../src/log/journal/journal.js';
import { orderLog } from '../../src/order-log.js';
import { until } from './until.js';

/**
 * Runs the sequencer, which gives the events of the journal their positions, as the role `feed`
 * does.
 *
 * @returns a function that stops it
 */
export function startSequencing(db: Db, log: AnyLog = orderLog): () => Promise<void> {
  const stopping = new AbortController();
  const ended = runSequencer(log, { db, signal: stopping.signal, heartbeat: () => undefined });
  return async () => {
    stopping.abort();
    await ended;
  };
}

/** Waits until all events in the journal of orders, or all of one order, have positions. */
export async function untilSequenced(db: Db, order: { readonly orderId?: string } = {}): Promise<void> {
  await until(async () => {
    const left = await journal(orderLog, db).countDocuments({ ...order, unsequenced: true });
    if (left > 0) throw new Error(`${left} events have no position.`);
  });
}
