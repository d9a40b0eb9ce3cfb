import type { Draft, State } from '../entity.js';
import type { DetectDatabaseLoss, Databases } from '../../databases.js';
import type { OutsideRestore } from '../history/outside-restore.js';
import type { EntityLog } from '../entity-log/entity-log.js';
import type { View } from '../views/view.js';
import { attemptInActivity } from './rebuild-attempt.js';
import { rebuildFeedView } from './rebuild-feed-view.js';
import { rebuildJournal } from './rebuild-journal.js';
import { rebuildStateView } from './rebuild-state-view.js';

/*
 * There are three rebuilds:
 *
 * - A feed view is rebuilt from the feed, in a new build. Then a pointer is changed to that build.
 * - A state view is rebuilt from the journal, in a new collection. Then the collection is renamed.
 * - A journal is rebuilt from the workflow histories, in place: what it and its state view lack is
 *   added.
 *
 * They share the request (`requestRebuild`), the workflow that makes attempts until the rebuild is
 * done, the limits of an attempt, and the shape of the progress that is shown. The rebuilds of a
 * state view and of a journal also share record, checkpoint and fencing (`StoreRebuild`); for a
 * feed view, `ViewBuilds` has them. The three share no loop, because source, order, errors and swap
 * differ: docs/decisions/0017-two-ways-to-rebuild.md.
 */

/**
 * Rebuilds by the name of the feed view, state view or journal. Each is called in an activity, and
 * runs until it is done or cancelled, or its time is up.
 *
 * @returns false if the rebuild is not complete and has to be called again
 */
export type Rebuilds = Readonly<Record<string, (rebuildId: string) => Promise<boolean>>>;

export interface RebuildsDeps<S extends State, D extends Draft> extends Databases {
  /** the feed views */
  readonly views: readonly View<S, D>[];
  readonly detectDatabaseLoss: DetectDatabaseLoss;
  /** see `restoreEntities` */
  readonly outside?: OutsideRestore<S, D>;
}

/** The rebuilds of one kind of entity: its feed views, its state view and its journal. */
export function createRebuilds<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { db, views, ...deps }: RebuildsDeps<S, D>,
): Rebuilds {
  const attempt = (rebuildId: string) => attemptInActivity(db, rebuildId);
  return {
    ...Object.fromEntries(
      views.map((view) => [
        view.name,
        async (rebuildId: string) => await rebuildFeedView(log, view, attempt(rebuildId)),
      ]),
    ),
    [log.view.collection]: async (rebuildId) => await rebuildStateView(log, attempt(rebuildId)),
    [log.journalRebuild]: async (rebuildId) => await rebuildJournal(log, { ...attempt(rebuildId), ...deps }),
  };
}
