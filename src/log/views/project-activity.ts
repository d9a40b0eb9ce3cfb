import { Context, getClient } from '@temporalio/activity';
import type { Db } from 'mongodb';
import type { FeedTail } from '../feed/feed.js';
import { project } from './feeding/project.js';
import { requestRebuild } from './rebuilding/request-rebuild.js';
import { viewNamed } from '../../views/views.js';
import type { SingletonActivities } from '../workflow/singleton-messages.js';
import { currentTenure } from '../feed/tenure.js';

/** Feeds the views across orders, with one long-running activity for each. */
export function createProjecting({
  db,
  tail,
}: {
  readonly db: Db;
  readonly tail: FeedTail;
}): Pick<SingletonActivities, 'project'> {
  return {
    project: async (name) => {
      const view = viewNamed(name);
      // Temporal retries: a worker of a newer version may have this view.
      if (view === undefined) throw new Error(`There is no view ${name} here.`);
      const { taskQueue } = Context.current().info;
      await project(view, {
        db,
        tail,
        ...currentTenure(),
        requestRebuild: async () => void (await requestRebuild({ client: getClient(), taskQueue }, name)),
      });
    },
  };
}
