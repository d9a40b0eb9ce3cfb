import type { AnyBulkWriteOperation, Db } from 'mongodb';
import type { LineQuantity } from '../../order/commands.js';
import { type EffectOf, type OutcomeOf, orderOf } from '../../order/effects.js';
import type { MissingStock } from '../../order/events.js';
import { committed, durable, isDuplicateKey } from '../../log/journal/durability.js';
import { readJournal } from '../../log/journal/journal.js';
import { restoreStock } from './stock-restore.js';
import { assertWhole, stockState, StockUnknown } from './stock-state.js';
import { done, movements, stock, type StockDocument, type StockEffect, untouched } from './stock.js';
import { stockTurns as turns } from './sku-queue.js';
import { inTransaction } from '../../log/journal/transaction.js';

/**
 * Promises all of the lines to the order, or none. The first answer to a key is the answer for ever, however often it is
 * asked and by how many at once.
 *
 * @throws StockUnknown while a restore, or a count after it, is awaited
 */
export async function reserve(db: Db, effect: EffectOf<'reserve'>): Promise<OutcomeOf<'reserve'>> {
  return (await move<'reserve'>(db, effect, { type: 'reserved' })) ?? (await refuse(db, effect));
}

/** Takes back what was promised to the order; once per key. */
export async function release(db: Db, effect: EffectOf<'release'>): Promise<OutcomeOf<'release'>> {
  return await give<'release'>(db, effect);
}

/** Goods promised to the order leave the stock; once per key. */
export async function deduct(db: Db, effect: EffectOf<'deduct'>): Promise<OutcomeOf<'deduct'>> {
  return await give<'deduct'>(db, effect);
}

/** Returned goods are on hand again; once per key. */
export async function restock(db: Db, effect: EffectOf<'restock'>): Promise<OutcomeOf<'restock'>> {
  return await give<'restock'>(db, effect);
}

/**
 * What the order was promised is here by its log. Where a restore of MongoDB has lost that it was, it is promised first.
 *
 * @throws Error where the stock was changed by hand: once it is mended, the next try goes through
 */
async function give<T extends 'release' | 'deduct' | 'restock'>(
  db: Db,
  effect: EffectOf<StockEffect>,
): Promise<OutcomeOf<T>> {
  const first = await move<T>(db, effect, done);
  if (first !== undefined) return first;
  const { key, lines } = effect;
  await restoreStock(db, [{ events: await readJournal(db, orderOf(key)) }]);
  const second = await move<T>(db, effect, done);
  if (second !== undefined) return second;
  throw new Error(`${key}: less is in stock than was promised: ${JSON.stringify(lines)}`);
}

/**
 * The effect on all of its lines with its movement, or nothing.
 *
 * @returns the outcome, or the earlier one of the same key; undefined where a line has too little
 */
async function move<T extends StockEffect>(
  db: Db,
  effect: EffectOf<StockEffect>,
  outcome: OutcomeOf<T>,
): Promise<OutcomeOf<T> | undefined> {
  const skus = effect.lines.map((line) => line.sku);
  try {
    const isMoved = await turns.take(skus, () => moveInTransaction(db, effect, outcome));
    return isMoved ? outcome : undefined;
  } catch (error) {
    if (isDuplicateKey(error)) return await earlierOutcome<T>(db, effect.key);
    throw error;
  }
}

/**
 * The stock is touched last, in the order of the SKUs, so that orders for the same goods are in each other's way as briefly
 * as can be.
 *
 * @throws StockUnknown where goods may be missing that a restore has yet to put back
 */
async function moveInTransaction(
  db: Db,
  { key, type, lines }: EffectOf<StockEffect>,
  outcome: OutcomeOf<StockEffect>,
): Promise<boolean> {
  const at = new Date().toISOString();
  const changes = lines
    .toSorted((a, b) => (a.sku < b.sku ? -1 : 1))
    .flatMap((line) => [opening(line.sku, at), changing(type, line, at)]);
  // Read meanwhile, and looked at before the end: so it costs no time.
  const state = type === 'reserve' ? stockState(db) : undefined;
  state?.catch(() => undefined);
  return await inTransaction(db, async (session) => {
    await movements(db).insertOne({ _id: key, orderId: orderOf(key), type, lines, outcome, at }, { session });
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

/** Creates the SKU's stock where there is none yet; leaves it untouched otherwise. */
function opening(sku: string, at: string): AnyBulkWriteOperation<StockDocument> {
  const update = { $setOnInsert: { ...untouched(sku), updatedAt: at } };
  return { updateOne: { filter: { _id: sku }, update, upsert: true } };
}

/** Changes the SKU's stock, or nothing where it has too little or is to be counted. */
function changing(
  type: StockEffect,
  { sku, quantity }: LineQuantity,
  at: string,
): AnyBulkWriteOperation<StockDocument> {
  const { guard, $inc } = change(type, quantity);
  const update = { $inc: { ...$inc, version: 1 }, $set: { updatedAt: at } };
  return { updateOne: { filter: { _id: sku, ...guard }, update } };
}

function change(type: StockEffect, quantity: number) {
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

async function refuse(db: Db, { key, type, lines }: EffectOf<'reserve'>): Promise<OutcomeOf<'reserve'>> {
  const missing = await missingStock(db, lines);
  if (missing.length === 0) throw changedMeanwhile(key);
  const outcome = { type: 'out_of_stock', missing } as const;
  const movement = { _id: key, orderId: orderOf(key), type, lines, outcome, at: new Date().toISOString() };
  try {
    await movements(db).insertOne(movement, durable);
    return outcome;
  } catch (error) {
    if (isDuplicateKey(error)) return await earlierOutcome<'reserve'>(db, key);
    throw error;
  }
}

/** @throws StockUnknown where there may be enough of all that is known */
async function missingStock(db: Db, lines: readonly LineQuantity[]): Promise<readonly MissingStock[]> {
  const skus = lines.map((line) => line.sku);
  const found = await stock(db)
    .find({ _id: { $in: skus } }, committed)
    .toArray();
  // Read after the stock: a restore that began before this look may have more to put back.
  const state = await stockState(db);
  assertWhole(state);
  if (state.restoringSince !== undefined)
    throw new StockUnknown('Reservations wait: stock is being restored.');
  const unknown: string[] = [];
  const missing = lines.flatMap(({ sku, quantity }) => {
    const known = found.find((entry) => entry.sku === sku);
    const { onHand, reserved, toBeCounted } = known ?? untouched(sku);
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
  return new StockUnknown(`${skus.join(', ')}: to be counted first (PUT /v1/stock), after a restore.`);
}

/** Linearizable: an outcome that is told can not be lost any more. */
async function earlierOutcome<T extends StockEffect>(db: Db, key: string): Promise<OutcomeOf<T>> {
  const movement = await movements(db).findOne({ _id: key }, { readConcern: { level: 'linearizable' } });
  if (movement === null) throw changedMeanwhile(key);
  // Under an effect's key there is only ever an outcome of its type.
  return movement.outcome as OutcomeOf<T>;
}

function changedMeanwhile(key: string): Error {
  return new Error(`${key}: others changed the stock at the same time; it is to be tried again.`);
}
