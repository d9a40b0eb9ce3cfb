import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { committed, durable, isDuplicateKey } from '../../log/journal/durability.js';
import { type Counts, readMark, writeMark } from '../../server/database-mark.js';
import { inGroups } from '../../concurrency/batcher.js';
import { type StockState, stockState, stockStates } from './stock-state.js';
import { movements, stock } from './stock.js';

export interface Stores {
  readonly client: Client;
  readonly db: Db;
  /** of the orders' workflows */
  readonly taskQueue: string;
}

/** As many SKUs as fit well into what Temporal takes. */
const notedAtMost = 2_000;
const BETWEEN_NOTES_MS = 500;
const noteTries = 20;

/**
 * Compares MongoDB with what Temporal has noted of it, and notes what there is now: at set-up, and in each reconciliation. A
 * MongoDB that is empty, or older than was noted, is marked: until it is restored, reservations and counts wait.
 */
export async function recognizeDatabase(stores: Stores): Promise<StockState> {
  const { db } = stores;
  // In this sequence: a database is noted in Temporal after it is set up, so one that is noted is, or was, there.
  const mark = await readMark(stores);
  const found = (await stockState(db)) ?? (await setUpState(db, mark?.counts));
  const isOlder =
    mark?.database === found.database && mark.comparisons > found.comparisons && found.outdated === undefined;
  if (isOlder) {
    const outdated = { cause: 'older', since: new Date().toISOString(), counts: mark.counts } as const;
    await stockStates(db).updateOne(
      { _id: 'stock', comparisons: found.comparisons },
      { $set: { outdated, comparisons: mark.comparisons } },
      durable,
    );
  }
  const state = await stockStates(db).findOneAndUpdate(
    { _id: 'stock' },
    { $inc: { comparisons: 1 } },
    { returnDocument: 'after', ...durable },
  );
  if (state === null) throw new Error('MongoDB was emptied just now.');
  await note(stores, state);
  return state;
}

/** Notes in Temporal, soon, which SKUs were counted; many at a time. Where that cannot be done, the next comparison does it. */
export function createCountNotes(stores: Stores): () => void {
  const noteAll = inGroups({ size: 10_000 }, async () => {
    for (let tries = 1; tries <= noteTries; tries += 1) {
      const isNoted = await noteNow(stores).catch(() => false);
      await setTimeout(BETWEEN_NOTES_MS, undefined, { ref: false });
      if (isNoted) return;
    }
  });
  return () => void noteAll(undefined).catch(() => undefined);
}

async function noteNow(stores: Stores): Promise<boolean> {
  const state = await stockState(stores.db);
  if (state !== undefined) await note(stores, state);
  return true;
}

/** Looks again after it wrote: of several processes that write at once, the last has seen all that was counted before. */
async function note(stores: Stores, { database, comparisons, outdated }: StockState): Promise<void> {
  let counts = outdated?.counts ?? (await countsIn(stores.db));
  for (;;) {
    await writeMark(stores, { database, comparisons, counts });
    const now = outdated?.counts ?? (await countsIn(stores.db));
    if (isDeepStrictEqual(now, counts)) return;
    counts = now;
  }
}

async function countsIn(db: Db): Promise<Counts> {
  const counted = await stock(db)
    .find({ counts: { $gt: 0 } }, { ...committed, projection: { counts: 1 }, limit: notedAtMost + 1 })
    .sort({ _id: 1 })
    .toArray();
  return counted.length > notedAtMost ? 'many' : counted.map(({ _id: sku, counts = 0 }) => [sku, counts]);
}

/** @param lostCounts what Temporal has noted, where it knows of a database: then it was lost */
async function setUpState(db: Db, lostCounts: Counts | undefined): Promise<StockState> {
  const since = new Date().toISOString();
  const state: StockState = {
    _id: 'stock',
    database: randomUUID(),
    comparisons: 0,
    ...(lostCounts !== undefined && { outdated: { cause: 'lost', since, counts: lostCounts } }),
  };
  await countEarlierCounts(db);
  try {
    await stockStates(db).insertOne(state, durable);
    return state;
  } catch (error) {
    const other = isDuplicateKey(error) ? await stockState(db) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

/** An earlier version kept the movements of counts, and did not count them. */
async function countEarlierCounts(db: Db): Promise<void> {
  const counted = movements(db).aggregate<{ _id: string; counts: number }>(
    [
      { $match: { type: 'set' } },
      { $unwind: '$lines' },
      { $group: { _id: '$lines.sku', counts: { $sum: 1 } } },
    ],
    committed,
  );
  for await (const { _id: sku, counts } of counted) {
    await stock(db).updateOne({ _id: sku, counts: { $exists: false } }, { $set: { counts } }, durable);
  }
}
