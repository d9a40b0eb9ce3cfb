import type { AnyBulkWriteOperation, Db } from 'mongodb';
import type { LineQuantity } from '../../order/commands.js';
import type { EventDraft } from '../../order/events.js';
import { type Order, quantityOf } from '../../order/order.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import type { OutsideRestore } from '../../log/history/outside-restore.js';
import { effectKey } from '../../log/entity.js';
import { idsOfEntity } from '../../log/event-id.js';
import { journal } from '../../log/journal/journal.js';
import type { LogPart } from '../proof/settled-effects.js';
import { type Outdated, type StockState, stockState, stockStates } from './stock-state.js';
import { done, initialStock, movements, stock, type StockDocument, type StockMovement } from './stock.js';
import { type Change, changesOf, movementsOf } from './stock-movements.js';
import { skuQueue } from './named-queue.js';
import { inTransaction } from '../../mongodb/transaction.js';
import { orderLog } from '../../order-log.js';

/**
 * The stock as an outside system that logs can restore. The rebuild and the reconciliation use it.
 */
export const stockOutside: OutsideRestore<Order, EventDraft> = {
  beginRestore,
  endRestore,
  restore: restoreStock,
};

/**
 * Restores the movements that the logs of orders prove and the stock lacks: reserve, release,
 * deduct and restock. Idempotent by the key of each movement. If more is reserved than on hand
 * afterwards, the SKU has to be counted. Call it before the same events are written to the journal:
 * once the journal has them, the next effects of the orders rely on the stock.
 */
export async function restoreStock(db: Db, logs: readonly LogPart[]): Promise<void> {
  const moved = logs.flatMap(movementsOf);
  while (moved.length > 0) {
    const keys = moved.map(({ _id }) => _id);
    const recorded = new Set(await movements(db).distinct('_id', { _id: { $in: keys } }, committed));
    const missing = moved.filter(({ _id }) => !recorded.has(_id));
    if (missing.length === 0 || (await putBack(db, missing))) break;
  }
  for (const log of logs) await carryOver(db, log);
}

/**
 * Applies the movements in one transaction; false if another process restored some of them
 * concurrently.
 */
async function putBack(db: Db, missing: readonly StockMovement[]): Promise<boolean> {
  const changes = missing.flatMap(changesOf);
  const skus = [...new Set(changes.map(({ sku }) => sku))].toSorted();
  const { restoringSince, ...lost } = (await stockState(db)) ?? {};
  const writes = skus.flatMap((sku) => [
    upsertLostStock(sku, lost),
    addChanges(
      sku,
      changes.filter((change) => change.sku === sku),
    ),
  ]);
  try {
    await skuQueue.run(skus, () =>
      inTransaction(db, async (session) => {
        await movements(db).insertMany([...missing], { session });
        if (writes.length > 0) await stock(db).bulkWrite(writes, { session, ordered: true });
        // During a restore of all orders, movements of other orders may still add units. So SKUs
        // that are short are marked only at its end.
        if (restoringSince !== undefined) return;
        await stock(db).updateMany({ _id: { $in: skus }, ...shortStock }, markToBeCounted, { session });
      }),
    );
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

const shortStock = { $expr: { $gt: ['$reserved', '$onHand'] } };
const markToBeCounted = { $set: { toBeCounted: true } } as const;

type LostCounts = Pick<StockState, 'outdated' | 'countsAreLost'>;

/**
 * The operation that creates the stock of a SKU unless it exists. If the SKU may have been counted
 * before the loss, it starts at 0 and has to be counted; otherwise it starts with its initial
 * stock.
 */
function upsertLostStock(sku: string, lost: LostCounts): AnyBulkWriteOperation<StockDocument> {
  const uncounted = { sku, onHand: 0, reserved: 0, toBeCounted: true as const };
  const document = mayHaveBeenCounted(sku, lost)
    ? { ...uncounted, updatedAt: new Date().toISOString() }
    : initialStock(sku);
  return { updateOne: { filter: { _id: sku }, update: { $setOnInsert: document }, upsert: true } };
}

function mayHaveBeenCounted(sku: string, { outdated, countsAreLost }: LostCounts): boolean {
  if (countsAreLost === true || outdated?.counts === 'many') return true;
  return outdated?.counts.some(([counted]) => counted === sku) ?? false;
}

function addChanges(sku: string, changes: readonly Change[]): AnyBulkWriteOperation<StockDocument> {
  const reserved = changes.reduce((total, change) => total + change.reserved, 0);
  const onHand = changes.reduce((total, change) => total + change.onHand, 0);
  const at = changes.map((change) => change.at).reduce((latest, one) => (one > latest ? one : latest));
  const update = { $inc: { reserved, onHand, version: changes.length }, $max: { updatedAt: at } };
  return { updateOne: { filter: { _id: sku }, update } };
}

/**
 * Restores what an order has reserved if its first events are lost everywhere: this is still known
 * from the oldest run that Temporal keeps. The difference from the recorded movements becomes a
 * movement `carried`, and the SKUs have to be counted, because it is unknown whether goods were
 * shipped or released.
 */
async function carryOver(db: Db, log: LogPart): Promise<void> {
  const { base } = log;
  if (base === undefined) return;
  const { orderId, version } = base;
  const earlier = { orderId, version: { $lte: version } };
  if ((await journal(orderLog, db).countDocuments(earlier, committed)) === version) return;
  const later = new Set([...movementsOf(log).map(({ _id }) => _id), ...base.owed.map(({ key }) => key)]);
  const recorded = (
    await movements(db)
      .find({ _id: idsOfEntity(orderId) }, committed)
      .toArray()
  ).filter(({ _id }) => !later.has(_id));
  const held = recorded.flatMap(changesOf);
  const skus = new Set([...base.reserved, ...held].map(({ sku }) => sku));
  const lines = [...skus].flatMap((sku): LineQuantity[] => {
    const known = held.reduce((total, change) => total + (change.sku === sku ? change.reserved : 0), 0);
    const quantity = quantityOf(base.reserved, sku) - known;
    return quantity === 0 ? [] : [{ sku, quantity }];
  });
  if (lines.length === 0) return;
  const at = base.updatedAt;
  const carried = {
    _id: effectKey({ orderId, type: 'carried', version }),
    orderId,
    type: 'carried',
    lines,
    outcome: done,
    at,
  } as const;
  if (!(await putBack(db, [carried]))) return;
  await stock(db).updateMany({ _id: { $in: lines.map(({ sku }) => sku) } }, markToBeCounted, durable);
}

/**
 * Begins a restore. Until `endRestore`, no reservation is refused for lack of stock, and nothing
 * can be counted.
 */
export async function beginRestore(db: Db): Promise<void> {
  const restoringSince = new Date().toISOString();
  const notYet = { _id: 'stock', restoringSince: { $exists: false } } as const;
  await stockStates(db).updateOne(notYet, { $set: { restoringSince } }, durable);
}

/** Ends a restore. SKUs whose stock the logs cannot prove are marked as to be counted. */
export async function endRestore(db: Db): Promise<void> {
  const state = await stockState(db);
  if (state?.restoringSince === undefined) return;
  const { outdated } = state;
  if (outdated !== undefined) await markUncounted(db, outdated);
  await stock(db).updateMany(shortStock, markToBeCounted, durable);
  await stockStates(db).updateOne(
    { _id: 'stock' },
    {
      $unset: { outdated: '', restoringSince: '' },
      ...(outdated?.counts === 'many' && { $set: { countsAreLost: true as const } }),
    },
    durable,
  );
}

/**
 * Marks SKUs whose last count is not in this MongoDB. If there were too many counts to list, any of
 * them may be missing, so all SKUs are marked.
 */
async function markUncounted(db: Db, outdated: Outdated): Promise<void> {
  const { counts } = outdated;
  if (counts === 'many') {
    await stock(db).updateMany({}, markToBeCounted, durable);
    return;
  }
  const markings = [...counts].flatMap(([sku, times]) => {
    const older = { _id: sku, $or: [{ counts: { $exists: false } }, { counts: { $lt: times } }] };
    return [
      upsertLostStock(sku, { outdated }),
      { updateOne: { filter: older, update: { $set: { toBeCounted: true, counts: times } } } },
    ] as const;
  });
  if (markings.length > 0) await stock(db).bulkWrite(markings, durable);
}
