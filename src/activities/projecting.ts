import { Context, getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import type { FeedTail } from '../event-log/feed.js';
import { project } from '../projections/feeding/project.js';
import { requestRebuild } from '../projections/rebuilding/request-rebuild.js';
import { viewNamed } from '../projections/views.js';
import type { StandingActivities } from '../workflows/standing-messages.js';
import { currentTurn } from './current-turn.js';

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
      const { taskQueue } = Context.current().info;
      await project(view, {
        db,
        tail,
        ...currentTurn(),
        requestRebuild: async () => void (await requestRebuild({ client: getClient(), taskQueue }, name)),
      });
    },
  };
}
