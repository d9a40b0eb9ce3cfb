import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Db } from 'mongodb';
import { createBatcher } from '../concurrency/batcher.js';
import { timesCounted } from '../effects/inventory/stock-counts.js';
import { setUpStockState } from '../effects/inventory/stock-set-up.js';
import { type DatabaseIdentity, stockState, stockStates } from '../effects/inventory/stock-state.js';
import { feedHead } from '../log/feed/feed.js';
import { beginGeneration } from '../log/feed/generations.js';
import type { Databases } from '../databases.js';
import { logs } from '../entity-logs.js';
import { durable } from '../mongodb/durability.js';
import { type DatabaseMark, readMark, writeMark } from './database-mark.js';

const BETWEEN_WRITES_MS = 500;
const MAX_WRITE_ATTEMPTS = 20;

/**
 * Compares the identity of MongoDB with the mark in Temporal, and then updates the mark. The
 * identity is stored with the state of the stock. Runs at set-up, in each reconciliation, before a
 * journal is restored, and before the sequencer leads. A MongoDB that is empty, or older than the
 * mark, is marked as outdated: reservations and counts wait until it is restored. The next
 * generation of each feed begins as well.
 */
export async function detectDatabaseLoss(databases: Databases): Promise<void> {
  const { db } = databases;
  // The mark is read first. Every change is written to the database before the mark. So a mark of
  // another database, or with more comparisons, proves that MongoDB was lost or restored.
  const mark = await readMark(databases);
  const found = (await stockState(db)) ?? (await setUpStockState(db, mark?.counts));
  const isLostOrOlder =
    mark !== undefined && (mark.database !== found.database || mark.comparisons > found.comparisons);
  if (isLostOrOlder) {
    // Readers have seen positions that this database lacks, and that it will give to other events.
    for (const log of logs) await beginGeneration(log, db, { commonUntil: await feedHead(log, db) });
    if (mark.database === found.database) await markOlder(db, found, mark);
  }
  const compared = await stockStates(db).findOneAndUpdate(
    { _id: 'stock' },
    { $inc: { comparisons: 1 } },
    { returnDocument: 'after', ...durable },
  );
  if (compared === null) throw new Error('The stock state is gone: MongoDB was emptied.');
  await writeCurrentMark(databases, compared);
}

/** Marks this database as an older backup: it was compared fewer times than the mark says. */
async function markOlder(db: Db, found: DatabaseIdentity, mark: DatabaseMark): Promise<void> {
  const { comparisons, outdated: earlier } = found;
  if (earlier !== undefined) return;
  const outdated = { cause: 'older', since: new Date().toISOString(), counts: mark.counts } as const;
  await stockStates(db).updateOne(
    { _id: 'stock', comparisons },
    { $set: { outdated, comparisons: mark.comparisons } },
    durable,
  );
}

/**
 * Returns a function that writes the counts to the mark soon, in the background; calls are batched.
 * If Temporal stays unavailable, the next comparison writes them.
 */
export function createMarkUpdates(databases: Databases): () => void {
  const updateInBatches = createBatcher({ size: 10_000 }, async () => {
    for (let attempt = 1; attempt <= MAX_WRITE_ATTEMPTS; attempt += 1) {
      const isWritten = await updateMark(databases).then(
        () => true,
        () => false,
      );
      await setTimeout(BETWEEN_WRITES_MS, undefined, { ref: false });
      if (isWritten) return;
    }
  });
  return () => void updateInBatches(undefined).catch(() => undefined);
}

async function updateMark(databases: Databases): Promise<void> {
  const identity = await stockState(databases.db);
  if (identity !== undefined) await writeCurrentMark(databases, identity);
}

/**
 * Reads the counts again after writing, and writes again if they have changed. So if several
 * processes write concurrently, the last mark has the counts of all.
 */
async function writeCurrentMark(
  databases: Databases,
  { database, comparisons, outdated }: DatabaseIdentity,
): Promise<void> {
  let counts = outdated?.counts ?? (await timesCounted(databases.db));
  for (;;) {
    await writeMark(databases, { database, comparisons, counts });
    const now = outdated?.counts ?? (await timesCounted(databases.db));
    if (isDeepStrictEqual(now, counts)) return;
    counts = now;
  }
}
