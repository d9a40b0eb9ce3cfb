import type { Db } from 'mongodb';
import { answering } from '../journal/durability.js';
import { feedHead } from './feed.js';
import { journal } from '../journal/journal.js';

/** How far the feed is behind the journal. */
export interface FeedLag {
  /** the last position that was given */
  readonly head: number;
  /** events without a position; a hundred thousand stand for any more */
  readonly unsequenced: number;
  /** age of the oldest of them; 0 where there is none */
  readonly behindMs: number;
}

const countedAtMost = 100_000;

export async function feedLag(db: Db): Promise<FeedLag> {
  const unsequenced = { unsequenced: true, recordedAt: { $gt: '' } } as const;
  const [head, oldest, count] = await Promise.all([
    feedHead(db, answering),
    journal(db).findOne(unsequenced, {
      ...answering,
      projection: { _id: 0, recordedAt: 1 },
      sort: { recordedAt: 1 },
    }),
    journal(db).countDocuments(unsequenced, { ...answering, limit: countedAtMost }),
  ]);
  return { head, unsequenced: count, behindMs: ageOf(oldest?.recordedAt) };
}

/** Milliseconds since `time`, 0 where there is none; clocks that differ make no negative age. */
export function ageOf(time: string | undefined): number {
  return time === undefined ? 0 : Math.max(0, Date.now() - Date.parse(time));
}
