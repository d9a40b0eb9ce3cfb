import type { Draft, State } from '../log/entity.js';
import type { AnyLog } from '../log/journal/entity-log.js';
import type { Outside } from '../log/history/outside.js';
import { reconcile, type ReconcileDeps } from '../log/proof/reconciling.js';
import type { Reconciliation } from '../log/proof/reconciliations.js';
import { logs, ofAnyEntity } from '../logs.js';
import { orderLog } from '../order-log.js';
import type { EventDraft } from '../order/events.js';
import type { Order } from '../order/order.js';
import { checkDatabaseIdentity } from './database/database-identity.js';
import { beginRestore, endRestore, restoreStock } from './inventory/stock-restore.js';

/** The external system that orders' effects change and their logs can restore: stock. */
export const stockOutside: Outside<Order, EventDraft> = {
  beginRestore,
  endRestore,
  restore: restoreStock,
};

/** `reconcile` for every kind of entity; for orders, their stock, too. */
export async function reconcileAll(
  deps: Pick<ReconcileDeps<State, Draft>, 'client' | 'db' | 'taskQueue'>,
  by: Pick<Reconciliation, 'runId' | 'workflowId'>,
  heartbeat: (done: number) => void,
): Promise<ReadonlyMap<AnyLog, Reconciliation>> {
  const reports = new Map<AnyLog, Reconciliation>();
  for (const log of logs)
    reports.set(
      log,
      log === orderLog
        ? await reconcileOrders(deps, by, heartbeat)
        : await reconcile(ofAnyEntity(log), deps, by, heartbeat),
    );
  return reports;
}

/** `reconcile` for orders, and their stock. */
export async function reconcileOrders(
  deps: Omit<ReconcileDeps<Order, EventDraft>, 'checkDatabaseIdentity' | 'outside'>,
  by: Pick<Reconciliation, 'runId' | 'workflowId'>,
  heartbeat: (done: number) => void,
): Promise<Reconciliation> {
  const withStock = { ...deps, checkDatabaseIdentity, outside: stockOutside };
  return await reconcile(orderLog, withStock, by, heartbeat);
}
