import type { Db } from 'mongodb';
import { sequence } from '../../src/log/feed/sequencer.js';

/**
 * Runs the sequencer, which gives the events of the journal their positions, as the role `feed`
 * does.
 *
 * @returns a function that stops it
 */
export function startSequencing(db: Db): () => Promise<void> {
  const stopping = new AbortController();
  const ended = sequence({ db, signal: stopping.signal, beat: () => undefined });
  return async () => {
    stopping.abort();
    await ended;
  };
}
