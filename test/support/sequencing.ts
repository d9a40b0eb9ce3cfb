import type { Db } from 'mongodb';
import { runSequencer } from '../../src/log/feed/sequencer.js';
import { orderLog } from '../../src/order-log.js';

/**
 * Runs the sequencer, which gives the events of the journal their positions, as the role `feed`
 * does.
 *
 * @returns a function that stops it
 */
export function startSequencing(db: Db): () => Promise<void> {
  const stopping = new AbortController();
  const ended = runSequencer({ log: orderLog, db, signal: stopping.signal, heartbeat: () => undefined });
  return async () => {
    stopping.abort();
    await ended;
  };
}
