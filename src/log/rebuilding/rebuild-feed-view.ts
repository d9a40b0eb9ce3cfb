import { setTimeout } from 'node:timers/promises';
import type { Db } from 'mongodb';
import { feedHead, positionAfterLost, readFeed } from '../feed/feed.js';
import { Fenced } from '../leases/fencing.js';
import { feedGenerations } from '../feed/generations.js';
import { BuildFeeder, type HeldBuild } from '../views/feeding/build-feeder.js';
import {
  abandonRebuild,
  dropUnusedBuilds,
  generationOf,
  buildsOf,
  swap,
  takeOverRebuild,
} from '../views/view-builds.js';
import type { Draft, State } from '../entity.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import type { AnyView, View } from '../views/view.js';
import { assertVersion, type RebuildAttempt } from './rebuild-attempt.js';

const BATCH_SIZE = 2_000;
const PAUSE_MS = 10;

/**
 * Rebuilds a feed view: from the first event of the feed on, beside the active build, and swaps the
 * two when it has caught up. The build that is replaced is kept for a roll-back; older ones are
 * dropped. `rebuilds.ts` compares this with the rebuilds of a state view and of a journal.
 *
 * @returns false if `signal` ended it before it was done
 * @throws Fenced if another worker has taken the rebuild over, or the rebuild makes a newer version
 *   than this process has; ApplicationFailure, which is not retried, if it makes an older version;
 *   and any error of MongoDB. Another call continues from the checkpoint.
 */
export async function rebuildFeedView<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  view: View<S, D>,
  attempt: RebuildAttempt,
): Promise<boolean> {
  const { db, signal, heartbeat, rebuildId } = attempt;
  const rebuild = await takeOverRebuild(log, db, view, rebuildId);
  if (rebuild === 'done') {
    await dropUnusedBuilds(db, view.name);
    return true;
  }
  assertVersion(rebuild.version, view);
  await dropUnusedBuilds(db, view.name);
  const feeder = new BuildFeeder(log, db, view, 'rebuilding', rebuild);
  const began = { at: Date.now(), position: feeder.held.position };
  let nextBatch = readAhead(log, db, feeder.held.position);
  while (!signal.aborted) {
    const events = await nextBatch;
    heartbeat(feeder.held.position);
    const last = events.at(-1);
    if (last !== undefined) {
      // Reads the next batch while this one is applied.
      nextBatch = readAhead(log, db, last.position);
      const eventsPerSecond = rateSince(began, last.position);
      if (!(await feeder.apply(events, { eventsPerSecond }))) throw fenced(view);
      continue;
    }
    const position = await positionAfterLost(log, db, feeder.held.position);
    if (position > feeder.held.position && !(await feeder.skipTo(position))) throw fenced(view);
    if (feeder.held.position > (await feedGenerations(log, db)).commonWith(generationOf(feeder.held))) {
      // The build has events that the feed may have lost, so it is abandoned, and built again.
      await abandonRebuild(db, view.name, rebuildId);
      return await rebuildFeedView(log, view, attempt);
    }
    if (await swap(db, view.name, rebuildId, await feedHead(log, db))) {
      await dropUnusedBuilds(db, view.name);
      return true;
    }
    await assertStillMine(db, view, feeder.held);
    // The active build has just received further events. The rebuild waits, and reads them.
    await setTimeout(PAUSE_MS);
    nextBatch = readAhead(log, db, feeder.held.position);
  }
  return false;
}

/** Reads a batch ahead. If the caller no longer awaits the batch, a failure is ignored. */
function readAhead(log: AnyLog, db: Db, position: number) {
  const events = readFeed(log, db, position, BATCH_SIZE);
  events.catch(() => undefined);
  return events;
}

function rateSince(began: { readonly at: number; readonly position: number }, position: number): number {
  return Math.round(((position - began.position) * 1_000) / Math.max(1, Date.now() - began.at));
}

async function assertStillMine(db: Db, view: AnyView, { epoch, collection }: HeldBuild): Promise<void> {
  const { rebuilding } = (await buildsOf(db, view.name)) ?? {};
  if (rebuilding?.epoch !== epoch || rebuilding.collection !== collection) throw fenced(view);
}

function fenced({ name }: AnyView): Fenced {
  return new Fenced(`Another worker rebuilds the view ${name}.`);
}
