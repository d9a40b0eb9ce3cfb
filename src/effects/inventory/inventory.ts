import { isDeepStrictEqual } from 'node:util';
import type { AnyBulkWriteOperation, Db } from 'mongodb';
import type { LineQuantity } from '../../order/commands.js';
import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import { orderIdInKey } from '../../log/entity.js';
import type { MissingStock } from '../../order/events.js';
import { asStored } from '../../mongodb/as-stored.js';
import { isDuplicateKey } from '../../mongodb/duplicates.js';
import { committed, durable } from '../../mongodb/durability.js';
import { readJournal } from '../../log/journal/read-journal.js';
import { restoreStock } from './stock-restore.js';
import { assertWhole, stockState, StockUnknown } from './stock-state.js';
import type { LookUpAnswer } from '../port.js';
import type { InventoryProvider } from './port.js';
import { done, movements, stock, type StockDocument, type StockEffect, initialStock } from './stock.js';
import { skuQueue } from './named-queue.js';
import { inTransaction } from '../../mongodb/transaction.js';
import { orderLog } from '../../order-log.js';

/**
 * The built-in inventory: the collections `stock` and `stock_movements`. The first answer to a key
 * is final: repeated and concurrent calls with the key get the same one.
 */
export function stockInventory(db: Db) {
  return {
    reserve: (effect: EffectOf<'reserve'>) => reserve(db, effect),
    release: (effect: EffectOf<'release'>) => moveOrRestore<'release'>(db, effect),
    deduct: (effect: EffectOf<'deduct'>) => moveOrRestore<'deduct'>(db, effect),
    restock: (effect: EffectOf<'restock'>) => moveOrRestore<'restock'>(db, effect),
    async lookUp(key: string): Promise<LookUpAnswer<StockEffect>> {
      const movement = await movements(db).findOne({ _id: key }, committed);
      return movement?.outcome ?? { type: 'none' };
    },
  } satisfies InventoryProvider;
}

/**
 * Reserves all of the lines for the order, or none.
 *
 * @throws StockUnknown while a restore, or a count after it, is pending
 */
async function reserve(db: Db, effect: EffectOf<'reserve'>): Promise<OutcomeOf<'reserve'>> {
  return (await move<'reserve'>(db, effect, { type: 'reserved' })) ?? (await refuseReservation(db, effect));
}

/**
 * Performs a movement that cannot lack stock, according to the order's log. If stock is missing
 * anyway, MongoDB was restored and has lost the reservation. Then this function restores the
 * order's movements, and tries again.
 *
 * @throws Error if someone changed the stock by hand; a retry succeeds once that is corrected
 */
async function moveOrRestore<T extends 'release' | 'deduct' | 'restock'>(
  db: Db,
  effect: EffectOf<StockEffect>,
): Promise<OutcomeOf<T>> {
  const first = await move<T>(db, effect, done);
  if (first !== undefined) return first;
  const { key, lines } = effect;
  await restoreStock(db, [{ events: await readJournal(orderLog, db, orderIdInKey(key)) }]);
  const second = await move<T>(db, effect, done);
  if (second !== undefined) return second;
  throw new Error(`${key}: fewer units are in stock than were reserved: ${JSON.stringify(lines)}`);
}

/**
 * Changes the stock of all lines and writes the movement, or does nothing.
 *
 * @returns the outcome, or the earlier one of the same key; undefined if a line has too few units
 */
async function move<T extends StockEffect>(
  db: Db,
  effect: EffectOf<StockEffect>,
  outcome: OutcomeOf<T>,
): Promise<OutcomeOf<T> | undefined> {
  const skus = effect.lines.map((line) => line.sku);
  try {
    const isMoved = await skuQueue.run(skus, () => moveInTransaction(db, effect, outcome));
    return isMoved ? outcome : undefined;
  } catch (error) {
    if (isDuplicateKey(error)) return await earlierOutcome<T>(db, effect);
    throw error;
  }
}

/**
 * The transaction of `move`. It updates the stock documents last and in the order of their SKUs, so
 * that transactions on the same goods conflict for as short a time as possible.
 *
 * @returns false if a line has too few units; then nothing is changed
 * @throws StockUnknown if a restore may still have to put units back, or a SKU without a document
 *   has to be counted
 */
async function moveInTransaction(
  db: Db,
  { key, type, lines }: EffectOf<StockEffect>,
  outcome: OutcomeOf<StockEffect>,
): Promise<boolean> {
  const at = new Date().toISOString();
  const changes = lines
    .toSorted((a, b) => (a.sku < b.sku ? -1 : 1))
    .flatMap((line) => [upsertStock(line.sku, at), guardedUpdate(type, line, at)]);
  // The state is read in parallel with the transaction, so that the read adds no latency.
  const state = type === 'reserve' ? stockState(db) : undefined;
  state?.catch(() => undefined);
  return await inTransaction(db, async (session) => {
    await movements(db).insertOne(
      { _id: key, orderId: orderIdInKey(key), type, lines, outcome, at },
      { session },
    );
    const { modifiedCount, upsertedCount } = await stock(db).bulkWrite(changes, { session, ordered: true });
    const isMoved = modifiedCount === lines.length;
    if (!isMoved) await session.abortTransaction();
    else if (type === 'reserve' || upsertedCount > 0) {
      const known = await (state ?? stockState(db));
      assertWhole(known);
      if (upsertedCount > 0 && known.countsAreLost) throw uncounted(lines.map(({ sku }) => sku));
    }
    return isMoved;
  });
}

/** The operation that creates the stock document of a SKU unless it exists. */
function upsertStock(sku: string, at: string): AnyBulkWriteOperation<StockDocument> {
  const update = { $setOnInsert: { ...initialStock(sku), updatedAt: at } };
  return { updateOne: { filter: { _id: sku }, update, upsert: true } };
}

/** The operation that changes the stock of a SKU if the guard of the effect's type holds. */
function guardedUpdate(
  type: StockEffect,
  { sku, quantity }: LineQuantity,
  at: string,
): AnyBulkWriteOperation<StockDocument> {
  const { guard, $inc } = guardOf(type, quantity);
  const update = { $inc: { ...$inc, version: 1 }, $set: { updatedAt: at } };
  return { updateOne: { filter: { _id: sku, ...guard }, update } };
}

/** What has to hold for a movement, and what it changes. */
function guardOf(type: StockEffect, quantity: number) {
  switch (type) {
    case 'reserve':
      return {
        guard: {
          toBeCounted: { $exists: false },
          $expr: { $gte: [{ $subtract: ['$onHand', '$reserved'] }, quantity] },
        },
        $inc: { reserved: quantity },
      };
    case 'release':
      return { guard: { reserved: { $gte: quantity } }, $inc: { reserved: -quantity } };
    case 'deduct':
      return { guard: { reserved: { $gte: quantity } }, $inc: { reserved: -quantity, onHand: -quantity } };
    case 'restock':
      return { guard: {}, $inc: { onHand: quantity } };
    default:
      return type satisfies never;
  }
}

async function refuseReservation(
  db: Db,
  { key, type, lines }: EffectOf<'reserve'>,
): Promise<OutcomeOf<'reserve'>> {
  const missing = await missingStock(db, lines);
  if (missing.length === 0) throw changedConcurrently(key);
  const outcome = { type: 'out_of_stock', missing } as const;
  const movement = {
    _id: key,
    orderId: orderIdInKey(key),
    type,
    lines,
    outcome,
    at: new Date().toISOString(),
  };
  try {
    await movements(db).insertOne(movement, durable);
    return outcome;
  } catch (error) {
    if (isDuplicateKey(error)) return await earlierOutcome<'reserve'>(db, { key, lines });
    throw error;
  }
}

/**
 * @throws StockUnknown before or during a restore, or if some SKUs have to be counted first and no
 *   other SKU lacks units
 */
async function missingStock(db: Db, lines: readonly LineQuantity[]): Promise<readonly MissingStock[]> {
  const skus = lines.map((line) => line.sku);
  // Both are read from one snapshot, so that no restore adds units between the two reads.
  const { found, state } = await inTransaction(db, async (session) => ({
    state: await stockState(db, session),
    found: await stock(db)
      .find({ _id: { $in: skus } }, { session })
      .toArray(),
  }));
  assertWhole(state);
  if (state.restoringSince !== undefined)
    throw new StockUnknown('Reservations wait: the stock is being restored.');
  const unknown: string[] = [];
  const missing = lines.flatMap(({ sku, quantity }) => {
    const known = found.find((entry) => entry.sku === sku);
    const { onHand, reserved, toBeCounted } = known ?? initialStock(sku);
    if (toBeCounted || (known === undefined && state.countsAreLost)) {
      unknown.push(sku);
      return [];
    }
    const available = onHand - reserved;
    return available < quantity ? [{ sku, requested: quantity, available }] : [];
  });
  if (missing.length === 0 && unknown.length > 0) throw uncounted(unknown);
  return missing;
}

function uncounted(skus: readonly string[]): StockUnknown {
  return new StockUnknown(`${skus.join(', ')}: must be counted (PUT /v1/stock) after a restore.`);
}

/**
 * The outcome of an earlier call with the key. The read is linearizable, so that an outcome that is
 * returned cannot be rolled back.
 *
 * @throws Error if there is no such call, or it was for other lines
 */
async function earlierOutcome<T extends StockEffect>(
  db: Db,
  { key, lines }: Pick<EffectOf<StockEffect>, 'key' | 'lines'>,
): Promise<OutcomeOf<T>> {
  const movement = await movements(db).findOne({ _id: key }, { readConcern: { level: 'linearizable' } });
  if (movement === null) throw changedConcurrently(key);
  if (!isDeepStrictEqual(asStored({ lines: movement.lines }), asStored({ lines })))
    throw new Error(`The key ${key} was used for other lines: another movement needs a new key.`);
  // A key belongs to one effect type, so the outcome is of that type.
  return movement.outcome as OutcomeOf<T>;
}

function changedConcurrently(key: string): Error {
  return new Error(`${key}: the stock was changed concurrently; try again.`);
}
