import { withTimeout } from '../../outages/timeout.js';
import type { Draft, State } from '../entity.js';
import type { FeedTail } from '../feed/tail.js';
import { runSequencer, sequencerTask } from '../feed/sequencer.js';
import type { LeasedTask } from '../leases/leased-tasks.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import type { DetectDatabaseLoss, Databases } from '../../databases.js';
import { runViewFeeder, viewTask } from './feeding/view-feeder.js';
import type { AnyView, View } from './view.js';

export interface FeedTasksDeps<S extends State, D extends Draft> extends Databases {
  /** the tail of the entity's feed */
  readonly tail: FeedTail;
  /** the feed views */
  readonly views: readonly View<S, D>[];
  readonly detectDatabaseLoss: DetectDatabaseLoss;
  /** see `ViewFeederDeps` */
  readonly requestRebuild: (view: AnyView) => Promise<void>;
}

/** A limit for calls to Temporal: a task that hangs would keep its lease. */
const TEMPORAL_TIMEOUT_MS = 5_000;

/** The endless tasks of one kind of entity: its sequencer, and a feeder for each feed view. */
export function createFeedTasks<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { db, client, tail, views, taskQueue, detectDatabaseLoss, requestRebuild }: FeedTasksDeps<S, D>,
): readonly LeasedTask[] {
  const sequencer: LeasedTask = {
    name: sequencerTask(log.feedId),
    async work(signal, heartbeat) {
      // A restored database is detected before it gets new positions.
      await withTimeout(TEMPORAL_TIMEOUT_MS, detectDatabaseLoss({ db, client, taskQueue }));
      if (signal.aborted) return;
      const publisher = tail.publishLocally();
      await runSequencer(log, {
        db,
        signal,
        heartbeat,
        onLead: publisher.lead,
        onPositions: publisher.publish,
      }).finally(() => publisher.close());
    },
  };
  const feederOf = (view: View<S, D>): LeasedTask => ({
    name: viewTask(view.name),
    work: async (signal, heartbeat) =>
      await runViewFeeder(log, view, {
        db,
        tail,
        signal,
        heartbeat,
        requestRebuild: async () => await withTimeout(TEMPORAL_TIMEOUT_MS, requestRebuild(view)),
      }),
  });
  return [sequencer, ...views.map(feederOf)];
}
