import type { Db } from 'mongodb';
import { sequence } from '../../src/log/feed/sequencer.js';

/** Gives the events of a journal their positions, as the role `feed` does. @returns what stops it */
export function startSequencing(db: Db): () => Promise<void> {
  const stopping = new AbortController();
  const ended = sequence({ db, signal: stopping.signal, beat: () => undefined });
  return async () => {
    stopping.abort();
    await ended;
  };
}
