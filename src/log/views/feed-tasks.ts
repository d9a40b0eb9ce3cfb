import { Context } from '@temporalio/activity';
import { withTimeout } from '../../outages/timeout.js';
import type { Draft, State } from '../entity.js';
import type { FeedTail } from '../feed/tail.js';
import { runSequencer, sequencerTask } from '../feed/sequencer.js';
import type { LeasedTask } from '../leases/leased-tasks.js';
import type { EntityLog } from '../journal/entity-log.js';
import type { DetectDatabaseLoss, Databases } from '../../databases.js';
import type { OutsideRestore } from '../history/outside-restore.js';
import { feedView, viewTask } from './feeding/feed-view.js';
import { rebuildJournal } from './rebuilding/rebuild-journal.js';
import { rebuildStateView } from './rebuilding/rebuild-state-view.js';
import { rebuildView } from './rebuilding/rebuild-view.js';
import { requestRebuild } from './rebuilding/request-rebuild.js';
import type { View } from './view.js';

/** What the role `feed` does for one kind of entity. */
export interface FeedTasks {
  readonly leased: readonly LeasedTask[];
  /**
   * The rebuilds, by name of the view or store. Each is called in an activity, and runs until it is
   * done or cancelled, or its time is up.
   *
   * @returns false if the rebuild is not complete and has to be called again
   */
  readonly rebuild: Readonly<Record<string, (rebuildId: string) => Promise<boolean>>>;
}

export interface FeedTasksDeps<S extends State, D extends Draft> extends Databases {
  /** the tail of the entity's feed */
  readonly tail: FeedTail;
  /** the views that are built from the feed */
  readonly views: readonly View<S, D>[];
  readonly detectDatabaseLoss: DetectDatabaseLoss;
  /** see `restoreEntities` */
  readonly outside?: OutsideRestore<S, D>;
}

/**
 * The time limit of an activity. It is well below the `startToCloseTimeout`, so that an activity
 * ends before the next one starts.
 */
const ACTIVITY_MS = 50 * 60_000;
/** A limit for calls to Temporal: a task that hangs would keep its lease. */
const TEMPORAL_TIMEOUT_MS = 5_000;

export function createFeedTasks<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { db, client, tail, views, taskQueue, detectDatabaseLoss, outside }: FeedTasksDeps<S, D>,
): FeedTasks {
  const sequenceFeed: LeasedTask['work'] = async (signal, heartbeat) => {
    // A restored database is detected before it gets new positions.
    await withTimeout(TEMPORAL_TIMEOUT_MS, detectDatabaseLoss({ db, client, taskQueue }));
    if (signal.aborted) return;
    const publisher = tail.publishLocally();
    await runSequencer({
      log,
      db,
      signal,
      heartbeat,
      onLead: publisher.lead,
      onPositions: publisher.publish,
    }).finally(() => publisher.close());
  };
  const deployment = { client, taskQueue };
  const feed = async (view: View<S, D>, signal: AbortSignal, heartbeat: () => void) =>
    await feedView(log, view, {
      db,
      tail,
      signal,
      heartbeat,
      requestRebuild: async () =>
        void (await withTimeout(TEMPORAL_TIMEOUT_MS, requestRebuild(deployment, view.name))),
    });
  const attempt = (rebuildId: string) => ({ db, rebuildId, ...activityLifetime() });
  return {
    leased: [
      { name: sequencerTask(log.feedId), work: sequenceFeed },
      ...views.map((view) => ({
        name: viewTask(view.name),
        work: async (signal: AbortSignal, heartbeat: () => void) => await feed(view, signal, heartbeat),
      })),
    ],
    rebuild: {
      ...Object.fromEntries(
        views.map((view) => [
          view.name,
          async (rebuildId: string) => await rebuildView(log, view, attempt(rebuildId)),
        ]),
      ),
      [log.view.collection]: async (rebuildId) => await rebuildStateView(log, attempt(rebuildId)),
      [log.journalRebuild]: async (rebuildId) =>
        await rebuildJournal(log, {
          ...attempt(rebuildId),
          client,
          taskQueue,
          detectDatabaseLoss,
          outside,
        }),
    },
  };
}

/**
 * The lifetime of the activity that runs: `signal` aborts when it is cancelled or its time is up.
 * Temporal considers it alive while it calls `heartbeat`.
 */
function activityLifetime() {
  const context = Context.current();
  return {
    // oxlint-disable-next-line no-restricted-properties -- an activity makes only one of each
    signal: AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(ACTIVITY_MS)]),
    heartbeat: (done: number) => context.heartbeat(done),
  };
}
