import type { Draft, State } from '../../log/entity.js';
import type { AnyLog } from '../../log/entity-log/entity-log.js';
import { reconcile, type ReconcileDeps } from '../../log/proof/reconcile.js';
import type { Reconciliation } from '../../log/proof/reconciliation-reports.js';
import { logs, ofAnyEntity } from '../../entity-logs.js';
import { orderLog } from '../../order-log.js';
import type { EventDraft } from '../../order/events.js';
import type { Order } from '../../order/order.js';
import { stockOutside } from '../inventory/stock-restore.js';

/** Reconciles the entities of every kind, and the stock of the orders (`reconcile`). */
export async function reconcileAll(
  given: Pick<ReconcileDeps<State, Draft>, 'client' | 'db' | 'taskQueue'>,
  by: Pick<Reconciliation, 'runId' | 'workflowId'>,
  heartbeat: (checked: number) => void,
): Promise<ReadonlyMap<AnyLog, Reconciliation>> {
  const reports = new Map<AnyLog, Reconciliation>();
  for (const log of logs)
    reports.set(
      log,
      log === orderLog
        ? await reconcileOrders(given, by, heartbeat)
        : await reconcile(ofAnyEntity(log), given, by, heartbeat),
    );
  return reports;
}

/** Reconciles the orders and their stock (`reconcile`). */
export async function reconcileOrders(
  given: Omit<ReconcileDeps<Order, EventDraft>, 'outside'>,
  by: Pick<Reconciliation, 'runId' | 'workflowId'>,
  heartbeat: (checked: number) => void,
): Promise<Reconciliation> {
  return await reconcile(orderLog, { ...given, outside: stockOutside }, by, heartbeat);
}
