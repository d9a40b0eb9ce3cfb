import type { Db } from 'mongodb';
import { committedInTime } from '../../mongodb/durability.js';
import { feedEnd } from './feed.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { journal } from '../journal/journal.js';
import { ageOf } from '../time.js';

/** The end of the feed, and the lag of the sequencer. */
export interface FeedLag {
  /** the last position */
  readonly head: number;
  /** see `Generation` */
  readonly generation: number;
  readonly commonUntil: number;
  /** number of events without a position; counted up to 100,000 */
  readonly unsequenced: number;
  /** age of the oldest event without a position; 0 if there is none */
  readonly behindMs: number;
}

const MAX_COUNTED = 100_000;

export async function feedLag(log: AnyLog, db: Db): Promise<FeedLag> {
  // With `recordedAt`, MongoDB uses the index of the events without a position.
  const unsequenced = { unsequenced: true, recordedAt: { $gt: '' } } as const;
  const [{ generations, head }, oldest, count] = await Promise.all([
    feedEnd(log, db, committedInTime),
    journal(log, db).findOne(unsequenced, {
      ...committedInTime,
      projection: { _id: 0, recordedAt: 1 },
      sort: { recordedAt: 1 },
    }),
    journal(log, db).countDocuments(unsequenced, { ...committedInTime, limit: MAX_COUNTED }),
  ]);
  const { generation, commonUntil } = generations.current;
  return { head, generation, commonUntil, unsequenced: count, behindMs: ageOf(oldest?.recordedAt) };
}
