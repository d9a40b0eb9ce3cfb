import type { Db } from 'mongodb';
import { committed } from '../log/journal/durability.js';
import { projectionState } from '../log/views/feeding/state.js';
import { ordersVersion } from '../views/orders.js';
import { requestRebuild, requestRollBack } from '../log/views/rebuilding/request-rebuild.js';
import { storeNames, storeRebuilds, versionOf } from '../log/views/rebuilding/store-rebuild.js';
import type { EndedRebuild, Deployment } from './own-workflows.js';

/**
 * Requests a rebuild or roll-back again that was ended from outside before it was done.
 *
 * @returns false if nothing is left to do: it was done, another one replaced it, or it had not
 *   started
 */
export async function restartEndedRebuild(
  db: Db,
  deployment: Deployment,
  ended: EndedRebuild,
): Promise<boolean> {
  const rest = await restOf(db, ended);
  if (rest === 'nothing') return false;
  const started =
    rest === 'roll-back'
      ? await requestRollBack({ ...deployment, db })
      : await requestRebuild(deployment, ended.name);
  return started !== undefined;
}

async function restOf(db: Db, { name, runId }: EndedRebuild): Promise<'nothing' | 'rebuild' | 'roll-back'> {
  const store = storeNames.find((one) => one === name);
  if (store === undefined)
    return (await projectionState(db, name))?.rebuilding?.rebuildId === runId ? 'rebuild' : 'nothing';
  const last = await storeRebuilds(db).findOne({ _id: store }, committed);
  if (last?.rebuildId !== runId || last.phase === 'done') return 'nothing';
  // Once the swap has begun, the kept version is the other one, so a roll-back is recognized only
  // before.
  const isRollBack = store === 'orders' && last.phase === 'running' && versionOf(last) !== ordersVersion;
  return isRollBack ? 'roll-back' : 'rebuild';
}
