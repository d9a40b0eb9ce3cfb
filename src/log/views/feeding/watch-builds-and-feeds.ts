import type { Db } from 'mongodb';
import { openChangeStream } from '../../../mongodb/change-stream.js';
import { pause } from '../../../concurrency/pause.js';
import { feedState } from '../../feed/generations.js';
import { viewBuilds } from '../view-builds.js';

/** How long to wait for changes: less than the idle time after which the driver closes a socket. */
const AWAIT_MS = 3_000;
const OPEN_AGAIN_MS = 1_000;
/** Fields that a feeder, or a sequencer, does not write while it only makes progress. */
const besidesProgress = ['epoch', 'collection', 'parked'].map((field) => ({
  [`updateDescription.updatedFields.${field}`]: { $exists: true },
}));

/**
 * Calls `onChange` when the builds of a view or the state of a feed have changed, other than by
 * progress: the active build was swapped, an event was parked or tried again, another process took
 * over, the next generation began. Also calls it for any change of the `others`, and when changes
 * may have been missed. Runs until `signal` aborts.
 *
 * @param others names of collections
 */
export async function watchBuildsAndFeeds(
  db: Db,
  others: readonly string[],
  signal: AbortSignal,
  onChange: () => void,
): Promise<void> {
  while (!signal.aborted) {
    await watch(db, others, signal, onChange).catch(() => undefined);
    await pause(OPEN_AGAIN_MS, signal);
  }
}

async function watch(
  db: Db,
  others: readonly string[],
  signal: AbortSignal,
  onChange: () => void,
): Promise<void> {
  const states = [viewBuilds(db), feedState(db)].map(({ collectionName }) => collectionName);
  const stream = await openChangeStream(db, {
    pipeline: [
      {
        $match: {
          $or: [
            { 'ns.coll': { $in: others } },
            {
              'ns.coll': { $in: states },
              $or: [{ operationType: { $ne: 'update' } }, ...besidesProgress],
            },
          ],
        },
      },
      { $project: { _id: 1 } },
    ],
  });
  try {
    onChange();
    await stream.next(AWAIT_MS, signal);
    // A change that a majority did not have yet when the stream opened may be missing from the
    // stream, and from what was read after the first call.
    onChange();
    while (!signal.aborted) if ((await stream.next(AWAIT_MS, signal)).changes.length > 0) onChange();
  } finally {
    await stream.close();
  }
}
