import type { Db } from 'mongodb';
import { committed } from '../log/journal/durability.js';
import { projectionState } from '../log/views/feeding/state.js';
import { ordersVersion } from '../views/orders.js';
import { requestRebuild, requestRollBack } from '../log/views/rebuilding/request-rebuild.js';
import { storeNames, storeRebuilds, versionOf } from '../log/views/rebuilding/store-rebuild.js';
import type { EndedRebuild, Upkept } from './own-workflows.js';

/**
 * Has a rebuild or a roll-back begun again that was ended from outside before it had done its work.
 *
 * @returns false where there is nothing left of it to do: it was done, given up for another one, or had not begun
 */
export async function beginAgain(db: Db, upkept: Upkept, ended: EndedRebuild): Promise<boolean> {
  const rest = await restOf(db, ended);
  if (rest === 'nothing') return false;
  const begun =
    rest === 'roll-back'
      ? await requestRollBack({ ...upkept, db })
      : await requestRebuild(upkept, ended.name);
  return begun !== undefined;
}

async function restOf(db: Db, { name, runId }: EndedRebuild): Promise<'nothing' | 'rebuild' | 'roll-back'> {
  const store = storeNames.find((one) => one === name);
  if (store === undefined)
    return (await projectionState(db, name))?.rebuilding?.rebuildId === runId ? 'rebuild' : 'nothing';
  const last = await storeRebuilds(db).findOne({ _id: store }, committed);
  if (last?.rebuildId !== runId || last.phase === 'done') return 'nothing';
  // Once the collections are being swapped, what is kept for a roll-back is already the other one.
  const isRollBack = store === 'orders' && last.phase === 'running' && versionOf(last) !== ordersVersion;
  return isRollBack ? 'roll-back' : 'rebuild';
}
