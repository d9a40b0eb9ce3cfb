import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeEach, expect } from '@jest/globals';
import { feedHead, readFeed } from '../../../src/log/feed/feed.js';
import { feedState } from '../../../src/log/feed/generations.js';
import { runSequencer } from '../../../src/log/feed/sequencer.js';
import type { LocalPublisher } from '../../../src/log/feed/tail.js';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';
import { until } from '../../support/until.js';

/* Tests of the feed: a database that is empty before each test, and leaders that end after it. */

const database = await openDatabase();
export const { db } = database;
afterAll(() => database.close());
beforeEach(async () => {
  await Promise.all([journal(orderLog, db).deleteMany({}), feedState(db).deleteMany({})]);
  await ensureJournalIndexes(orderLog, db);
});

let leaders: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(leaders.map((leader) => leader.stop()));
  leaders = [];
});

/** Runs a leader until it fails or is stopped. */
export function lead(gave?: LocalPublisher['publish']) {
  const stopping = new AbortController();
  let beats = 0;
  let isLeading = false;
  const ended = runSequencer(orderLog, {
    db,
    signal: stopping.signal,
    heartbeat: () => (beats += 1),
    onPositions: gave,
    onLead: () => (isLeading = true),
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const leader = {
    ended,
    isAtWork: () => beats > 0,
    /** Whether it has given positions to everything that was recorded before. */
    isLeading: () => isLeading,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
  leaders.push(leader);
  return leader;
}

export function newOrder(): readonly [OrderEvent, ...OrderEvent[]] {
  return logOf(states.refunded, randomUUID());
}

export async function record(...events: readonly OrderEvent[]): Promise<void> {
  for (const event of events) await appendToJournal(orderLog, db, [event]);
}

/**
 * The contract: 1, 2, 3 … without gaps, each event once, and within an order positions follow
 * versions.
 */
export async function expectSound(count: number): Promise<void> {
  await until(async () => expect(await feedHead(orderLog, db)).toBeGreaterThanOrEqual(count));
  const feed = await readFeed(orderLog, db, 0, count + 1);
  expect(feed.map((event) => event.position)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  expect(await journal(orderLog, db).countDocuments({ unsequenced: true })).toBe(0);
  const versions = new Map<string, number>();
  for (const { orderId, version } of feed) {
    expect(version).toBe((versions.get(orderId) ?? 0) + 1);
    versions.set(orderId, version);
  }
}
