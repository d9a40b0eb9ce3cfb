import { expect } from '@jest/globals';
import { sandboxLabels } from '../../src/effects/carriers/sandbox-carriers.js';
import { getStock, movements, type StockMovement } from '../../src/effects/inventory/stock.js';
import { type LedgerEntry, sandboxLedger } from '../../src/effects/payments/sandbox-ledger.js';
import { foldHistory, readHistoryLog } from '../../src/log/history/history.js';
import { readJournal } from '../../src/log/journal/read-journal.js';
import { stateQuery } from '../../src/log/workflow/messages.js';
import { type OrderState, workflowId, orderLog } from '../../src/order-log.js';
import type { OrderEvent } from '../../src/order/events.js';
import { fold } from '../../src/order/evolve.js';
import { isFinished, type Order, quantityOf, sum } from '../../src/order/order.js';
import { orders, toDocument } from '../../src/views/orders.js';
import type { System } from './system.js';
import { until } from './until.js';

/** An order that passed the audit. */
export interface Audited {
  readonly orderId: string;
  /** runs of its workflow; more than one if it was continued as new */
  readonly runs: number;
  readonly order: Order;
  readonly events: readonly OrderEvent[];
}

/**
 * Waits until all orders of the system are at rest, then checks each of them: history, journal,
 * view and workflow agree, and so do the payment provider's ledger and the stock.
 *
 * @param except ids of orders that the test has broken; they are not checked
 * @param lost ids of finished orders whose histories the test has removed. If it is given, orders
 *   may have been resumed, so terminated runs are accepted.
 */
export async function audit(
  system: System,
  except: readonly string[] = [],
  lost?: readonly string[],
): Promise<readonly Audited[]> {
  // Temporal's lists lag for a moment.
  const runs = await until(async () => {
    const listed = await runsByOrder(system, lost !== undefined);
    const known = await system.db.collection('order_events').distinct('orderId');
    expect(new Set([...listed.keys(), ...(lost ?? [])])).toEqual(new Set(known));
    return listed;
  });
  const audited: Audited[] = [];
  for (const orderId of [...(lost ?? []), ...runs.keys()]) {
    if (except.includes(orderId)) continue;
    const isLost = lost?.includes(orderId) === true;
    const { order, events } = await (isLost ? auditJournal : auditLog)(system, orderId);
    await auditView(system, order);
    await auditPayments(system, order, events);
    await auditGoods(system, orderId, events);
    await auditLabels(system, orderId, events);
    audited.push({ orderId, runs: runs.get(orderId) ?? 0, order, events });
  }
  if (except.length === 0)
    await auditStock(
      system,
      audited.map(({ order }) => order),
    );
  return audited;
}

async function runsByOrder(
  { client, taskQueue }: System,
  areResumed: boolean,
): Promise<ReadonlyMap<string, number>> {
  const runs = new Map<string, number>();
  for await (const run of client.workflow.list({
    query: `WorkflowType = 'order' AND TaskQueue = '${taskQueue}'`,
  })) {
    if (areResumed && run.status.name === 'TERMINATED') continue;
    expect(['RUNNING', 'COMPLETED', 'CONTINUED_AS_NEW']).toContain(run.status.name);
    const orderId = run.workflowId.slice(workflowId('').length);
    runs.set(orderId, (runs.get(orderId) ?? 0) + 1);
  }
  return runs;
}

/** Checks that history, journal and workflow agree, and that versions are 1, 2, 3 … */
async function auditLog(
  { db, client }: System,
  orderId: string,
): Promise<{ readonly order: Order; readonly events: readonly OrderEvent[] }> {
  const { order } = await until(async () => {
    const state = await client.workflow.getHandle(workflowId(orderId)).query<OrderState>(stateQuery);
    expect(state).toMatchObject({ unrecorded: 0, order: { orderId, owed: [] } });
    return state;
  }, 60);
  const log = await readHistoryLog(orderLog, client, orderId);
  if (log === undefined) throw new Error(`Temporal knows no order ${orderId}.`);
  const { events } = log;
  expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1));
  const journal = await readJournal(orderLog, db, orderId);
  expect(journal.map(({ recordedAt: _recordedAt, position: _position, ...event }) => event)).toEqual(events);
  const folded = foldHistory(orderLog, log);
  if (folded === undefined) throw new Error(`Order ${orderId} has no events.`);
  expect(order).toEqual(folded);
  return { order, events };
}

/** Checks the journal of a finished order that Temporal does not have any more. */
async function auditJournal(
  { db }: System,
  orderId: string,
): Promise<{ readonly order: Order; readonly events: readonly OrderEvent[] }> {
  const events = await readJournal(orderLog, db, orderId);
  expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1));
  const order = fold(events);
  if (order === undefined) throw new Error(`Order ${orderId} has no events.`);
  expect(isFinished(order)).toBe(true);
  return { order, events };
}

async function auditView({ db }: System, order: Order): Promise<void> {
  const { orderId: _id } = order;
  const view = await orders(db).findOne({ _id }, { projection: { recorder: 0, persons: 0 } });
  expect(view).toEqual(toDocument(order));
}

const outcomes: ReadonlySet<string> = new Set([
  'StockReserved',
  'StockRefused',
  'StockReleased',
  'StockDeducted',
  'StockRestocked',
  'PaymentAuthorized',
  'PaymentPending',
  'PaymentDeclined',
  'PaymentCaptured',
  'CaptureDeclined',
  'AuthorizationExpired',
  'AuthorizationVoided',
  'PaymentRefunded',
  'LabelBooked',
  'LabelRefused',
]);

/**
 * The keys of the effects of these kinds, one for each outcome in the log. An effect with two
 * outcomes is in the list twice.
 */
function settledKeys(events: readonly OrderEvent[], kinds: RegExp): readonly string[] {
  return events
    .filter(({ type, causationId }) => outcomes.has(type) && kinds.test(causationId))
    .map(({ causationId }) => causationId)
    .toSorted();
}

/** Checks that the ledger has each payment of the order exactly once, and no others. */
async function auditPayments({ db }: System, order: Order, events: readonly OrderEvent[]): Promise<void> {
  const { orderId } = order;
  const ledger = await sandboxLedger(db).find({ orderId }).toArray();
  expect(ledger.filter(({ outcome }) => outcome === undefined)).toEqual([]);
  const keys = ledger.map(({ _id }) => _id).toSorted();
  expect(settledKeys(events, /:(authorize|capture|void|refund):\d+$/)).toEqual(keys);

  const authorizations = ledger.flatMap(({ amount, authorization: entry }) =>
    entry === undefined ? [] : [{ id: entry.id, amount, captured: entry.captured }],
  );
  expect(byId(authorizations)).toEqual(
    byId(order.authorizations.map(({ authorizationId: id, amount, captured }) => ({ id, amount, captured }))),
  );
  const captures = ledger.flatMap(({ amount, capture }) =>
    capture === undefined ? [] : [{ id: capture.id, amount, refunded: capture.refunded }],
  );
  expect(byId(captures)).toEqual(
    byId(order.captures.map(({ captureId: id, amount, refunded }) => ({ id, amount, refunded }))),
  );
  const isOver = order.status !== 'pending' && order.status !== 'confirmed';
  const isOpen = ({ authorization: entry, amount = 0 }: LedgerEntry) =>
    entry !== undefined &&
    (entry.status === 'pending' || (entry.status === 'authorized' && entry.captured < amount));
  const isLapsed = ({ authorization: entry }: LedgerEntry) =>
    order.authorizations.some(
      ({ authorizationId, status }) => authorizationId === entry?.id && status === 'expired',
    );
  if (isOver) expect(ledger.filter((entry) => isOpen(entry) && !isLapsed(entry))).toEqual([]);
}

function byId<T extends { readonly id: string }>(entries: readonly T[]): readonly T[] {
  return entries.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

async function auditGoods({ db }: System, orderId: string, events: readonly OrderEvent[]): Promise<void> {
  const moved = await movements(db).find({ orderId }).toArray();
  const keys = moved.map(({ _id }) => _id).toSorted();
  expect(settledKeys(events, /:(reserve|release|deduct|restock):\d+$/)).toEqual(keys);
}

/** Checks that the carrier has each label of the order exactly once, and no others. */
async function auditLabels({ db }: System, orderId: string, events: readonly OrderEvent[]): Promise<void> {
  const labels = await sandboxLabels(db).find({ orderId }).toArray();
  expect(labels.filter(({ outcome }) => outcome === undefined)).toEqual([]);
  expect(settledKeys(events, /:book:\d+$/)).toEqual(labels.map(({ _id }) => _id).toSorted());
}

/**
 * Checks that each SKU's stock is the sum of its movements, and that `reserved` is what the orders
 * hold.
 */
async function auditStock({ db }: System, all: readonly Order[]): Promise<void> {
  const moved = await movements(db).find().sort({ at: 1 }).toArray();
  const skus = new Set(moved.flatMap(({ lines }) => lines.map(({ sku }) => sku)));
  for (const sku of skus) {
    const { onHand, reserved } = (await getStock(db, sku)).stock;
    expect({ sku, onHand, reserved }).toEqual({ sku, ...replayed(sku, moved) });
    expect({ sku, reserved }).toEqual({
      sku,
      reserved: sum(all, (order) => quantityOf(order.reserved, sku)),
    });
  }
}

function replayed(sku: string, moved: readonly StockMovement[]): { onHand: number; reserved: number } {
  let onHand = sku.startsWith('OUT-') ? 0 : 1_000;
  let reserved = 0;
  for (const { type, lines, outcome } of moved) {
    const line = lines.find((entry) => entry.sku === sku);
    if (line === undefined || outcome.type === 'out_of_stock') continue;
    if (type === 'set') onHand = line.quantity;
    if (type === 'reserve' || type === 'carried') reserved += line.quantity;
    if (type === 'release' || type === 'deduct') reserved -= line.quantity;
    if (type === 'deduct') onHand -= line.quantity;
    if (type === 'restock') onHand += line.quantity;
  }
  return { onHand, reserved };
}
