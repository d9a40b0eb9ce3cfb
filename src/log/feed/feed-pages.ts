import type { Db } from 'mongodb';
import { createThrottledMutex } from '../../concurrency/throttled-mutex.js';
import { createSingleFlight } from '../../concurrency/single-flight.js';
import { committedInTime } from '../../mongodb/durability.js';
import type { AnyLog } from '../entity-log/entity-log.js';
import { type PositionedEvent, readFeedInGeneration } from './feed.js';
import type { RecentEvents } from './recent-events.js';

/**
 * Reads pages of the feed for all readers of a process. Concurrent reads of one page are shared;
 * different pages are read one after the other.
 */
export class FeedPages {
  private readonly log: AnyLog;
  private readonly db: Db;
  private readonly recentEvents: RecentEvents;
  private readonly onGeneration: (generation: number) => void;
  private readonly oneAtATime = createThrottledMutex();
  private readonly shared = createSingleFlight<readonly PositionedEvent[] | undefined>();

  /** @param onGeneration called after each read of MongoDB, with the current generation */
  constructor(log: AnyLog, db: Db, recent: RecentEvents, onGeneration: (generation: number) => void) {
    this.log = log;
    this.db = db;
    this.recentEvents = recent;
    this.onGeneration = onGeneration;
  }

  /**
   * The events after a position, if they are in memory because this process gave them their
   * positions recently, in this generation; otherwise undefined.
   */
  recent(generation: number, after: number, limit: number): readonly PositionedEvent[] | undefined {
    return this.recentEvents.after(generation, after, limit);
  }

  /**
   * `readFeed` for a reader of a generation, but from memory if this process gave the positions
   * recently. Then more events may follow even if fewer than `limit` are returned.
   *
   * @returns undefined if the feed is of another generation
   */
  async read(
    generation: number,
    after: number,
    limit: number,
  ): Promise<readonly PositionedEvent[] | undefined> {
    const readPage = async (): Promise<readonly PositionedEvent[] | undefined> => {
      const place = { generation, position: after };
      const { current, events } = await readFeedInGeneration(
        this.log,
        this.db,
        place,
        limit,
        committedInTime,
      );
      this.onGeneration(current);
      return events;
    };
    return (
      this.recent(generation, after, limit) ??
      (await this.shared(`${generation} ${after} ${limit}`, () => this.oneAtATime(readPage)))
    );
  }
}
