import { Context, getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import type { FeedTail } from '../event-log/feed.js';
import { project } from '../projections/feeding/project.js';
import { requestRebuild } from '../projections/rebuilding/request-rebuild.js';
import { viewNamed } from '../projections/views.js';
import type { StandingActivities } from '../workflows/standing-messages.js';

/** Well below the activity's `startToClose`: it hands over in good order. */
const TURN_MS = 50 * 60_000;

/** Feeding the views across orders, a standing activity for each. */
export function createProjecting({
  db,
  tail,
}: {
  readonly db: Db;
  readonly tail: FeedTail;
}): Pick<StandingActivities, 'project'> {
  return {
    project: async (name) => {
      const view = viewNamed(name);
      // Another worker, of a newer version, may have it.
      if (view === undefined) throw new Error(`There is no view ${name} here.`);
      const context = Context.current();
      await project(view, {
        db,
        tail,
        signal: AbortSignal.any([context.cancellationSignal, AbortSignal.timeout(TURN_MS)]),
        beat: (position) => context.heartbeat(position),
        requestRebuild: async () => void (await requestRebuild(getClient(), context.info.taskQueue, name)),
      });
    },
  };
}
