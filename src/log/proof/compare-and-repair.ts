import type { Db } from 'mongodb';
import { isServerError } from '../../outages/server-error.js';
import type { Draft, State } from '../entity.js';
import { committed } from '../../mongodb/durability.js';
import type { AnyLog, EntityLog } from '../entity-log/entity-log.js';
import { forks } from '../journal/fork.js';
import type { Databases } from '../../databases.js';
import { readHistoryLog } from '../history/history.js';
import type { OutsideRestore } from '../history/outside-restore.js';
import { restoreLog } from '../journal/truncated-log.js';
import { updateStateView } from '../recording/update-state-view.js';
import { clearStopped, markStopped } from '../journal/stops.js';
import { type Comparison, compareEntity } from './comparison.js';
import type { Discrepancy } from './discrepancy.js';

export interface RepairDeps<S extends State, D extends Draft> extends Pick<Databases, 'client' | 'db'> {
  /** see `restoreEntities` */
  readonly outside?: OutsideRestore<S, D> | undefined;
  /** see `CompareDeps` */
  readonly maxPauseMs?: number;
}

export interface Compared extends Pick<Comparison, 'discrepancies'> {
  readonly orderId: string;
  readonly wasRepaired: boolean;
}

/**
 * Compares an entity, and repairs what lags. Its view is marked if the entity cannot continue.
 *
 * @returns what is found after the repair
 */
export async function compareAndRepair<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  deps: RepairDeps<S, D>,
  orderId: string,
): Promise<Compared> {
  const { client, db, maxPauseMs } = deps;
  const compareDeps = { client, db, asksWorkflow: false, maxPauseMs };
  const before = await compareEntity(log, compareDeps, orderId);
  const behind = before.discrepancies.filter(({ kind }) => kind === 'behind');
  if (behind.length === 0) {
    await noteStop(log, db, orderId, before.discrepancies);
    return { orderId, wasRepaired: false, discrepancies: before.discrepancies };
  }
  await repair(log, deps, orderId);
  const { discrepancies } = await compareEntity(log, compareDeps, orderId);
  await noteStop(log, db, orderId, discrepancies);
  const wasRepaired = discrepancies.length < before.discrepancies.length;
  return { orderId, wasRepaired, discrepancies };
}

/**
 * Marks the view of an entity that cannot continue, and removes a mark that no longer applies. A
 * forked entity keeps its mark, even if its workflow has ended, too.
 */
async function noteStop(
  log: AnyLog,
  db: Db,
  orderId: string,
  discrepancies: readonly Discrepancy[],
): Promise<void> {
  if ((await forks(log, db).findOne({ _id: orderId }, committed)) !== null) return;
  for (const { code, detail, remedy } of discrepancies)
    if (code !== undefined && remedy !== undefined)
      return await markStopped(log, db, orderId, { code, detail, remedy });
  await clearStopped(log, db, orderId);
}

/** Adds to outside systems, journal and view what they lack. What exists is left as it is. */
async function repair<S extends State, D extends Draft>(
  log: EntityLog<S, D>,
  { client, db, outside }: RepairDeps<S, D>,
  orderId: string,
): Promise<void> {
  try {
    const history = await readHistoryLog(log, client, orderId);
    if (history !== undefined && !history.isForecast) {
      await outside?.restore(db, [history]);
      await restoreLog(log, db, history.events);
    }
    await updateStateView(log, db, orderId);
  } catch (error) {
    // Other errors are about this entity: the comparison that follows reports them.
    if (isServerError(error)) throw error;
  }
}
