import { Context, getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import type { Draft, State } from '../entity.js';
import type { FeedTail } from '../feed/feed.js';
import { sequence } from '../feed/sequencer.js';
import { currentTenure } from '../feed/tenure.js';
import type { EntityLog } from '../journal/entity-log.js';
import type { Outside, Recognize } from '../journal/outside.js';
import { project } from './feeding/project.js';
import { rebuildJournal } from './rebuilding/rebuild-journal.js';
import { rebuildStateView } from './rebuilding/rebuild-state-view.js';
import { rebuild } from './rebuilding/rebuild.js';
import { requestRebuild } from './rebuilding/request-rebuild.js';
import type { View } from './view.js';

/** What the role `feed` does for one kind of entity: each task under its name. */
export interface FeedTasks {
  readonly sequence: Readonly<Record<string, () => Promise<void>>>;
  readonly project: Readonly<Record<string, () => Promise<void>>>;
  /** @returns false if the rebuild is not complete and this must be called again */
  readonly rebuild: Readonly<Record<string, (rebuildId: string) => Promise<boolean>>>;
}

export interface FeedTasksDeps<S extends State, D extends Draft> {
  readonly db: Db;
  /** of the entity's feed */
  readonly tail: FeedTail;
  /** the views that are built from the feed */
  readonly views: readonly View<S, D>[];
  /** of the entities' workflows */
  readonly taskQueue: string;
  readonly recognize: Recognize;
  /** see `restore` */
  readonly outside?: Outside<S, D>;
}

/** The tasks run in activities: each until it is cancelled, or its tenure ends. */
export function createFeedTasks<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { db, tail, views, taskQueue, recognize, outside }: FeedTasksDeps<S, D>,
): FeedTasks {
  const sequenceFeed = async () => {
    // Before a position is given in a database that was put back.
    await recognize({ db, client: getClient(), taskQueue });
    const publisher = tail.publishLocally();
    await sequence({
      log,
      db,
      ...currentTenure(),
      onPositions: (...given) => publisher.publish(...given),
    }).finally(() => publisher.close());
  };
  const feed = async (view: View<S, D>) => {
    const starting = { client: getClient(), taskQueue: Context.current().info.taskQueue };
    await project(log, view, {
      db,
      tail,
      ...currentTenure(),
      requestRebuild: async () => void (await requestRebuild(starting, view.name)),
    });
  };
  const rebuilding = (rebuildId: string) => ({ db, rebuildId, ...currentTenure() });
  return {
    sequence: { [log.feed]: sequenceFeed },
    project: Object.fromEntries(views.map((view) => [view.name, async () => await feed(view)])),
    rebuild: {
      ...Object.fromEntries(
        views.map((view) => [
          view.name,
          async (rebuildId: string) => await rebuild(log, view, rebuilding(rebuildId)),
        ]),
      ),
      [log.view.collection]: async (rebuildId) => await rebuildStateView(log, rebuilding(rebuildId)),
      [log.journal]: async (rebuildId) =>
        await rebuildJournal(log, {
          ...rebuilding(rebuildId),
          client: getClient(),
          taskQueue,
          recognize,
          outside,
        }),
    },
  };
}
