import type { Db } from 'mongodb';

/** One attempt of a rebuild, in an activity. The next attempt continues where this one was. */
export interface RebuildAttempt {
  readonly db: Db;
  /** the same for all attempts of a rebuild */
  readonly rebuildId: string;
  /** aborted when another worker should continue */
  readonly signal: AbortSignal;
  /** called after every batch, with the number of events or entities that are done */
  readonly heartbeat: (done: number) => void;
}
