import { randomUUID } from 'node:crypto';
import type { AnyBulkWriteOperation, Db } from 'mongodb';
import type { LineQuantity } from '../domain/commands.js';
import { type EffectOf, type OutcomeOf, orderOf } from '../domain/effects.js';
import type { MissingStock } from '../domain/events.js';
import { committed, durable, isDuplicateKey } from '../event-log/durability.js';
import { inTransaction } from './transaction.js';
import { Turns } from './turns.js';

/** Units of one SKU: 0 ≤ reserved ≤ onHand, always. */
export interface Stock {
  readonly sku: string;
  readonly onHand: number;
  /** of those on hand, promised to orders */
  readonly reserved: number;
  /** ISO-8601 UTC; absent while nobody has touched it */
  readonly updatedAt?: string;
}

type StockDocument = Stock & { readonly _id: string };
type StockEffect = 'reserve' | 'release' | 'deduct' | 'restock';

/** One change of the stock, never changed itself: the proof that an effect was done, and what came of it. */
export interface StockMovement {
  /** the effect's key; a random one where somebody set the stock */
  readonly _id: string;
  readonly orderId?: string;
  readonly type: StockEffect | 'set';
  /** units moved; for `set`, units now on hand */
  readonly lines: readonly LineQuantity[];
  readonly outcome: OutcomeOf<StockEffect>;
  /** ISO-8601 UTC */
  readonly at: string;
}

const done = { type: 'done' } as const;

/** Over the SKUs: popular ones are in many orders at once. With the transaction, it fits the 10 s of an activity. */
const turns = new Turns(4_000);

/**
 * Promises all of the lines to the order, or none. The first answer to a key is the answer for ever, however often it is
 * asked and by how many at once.
 */
export async function reserve(db: Db, effect: EffectOf<'reserve'>): Promise<OutcomeOf<'reserve'>> {
  return (await move<'reserve'>(db, effect, { type: 'reserved' })) ?? (await refuse(db, effect));
}

/** Takes back what was promised to the order; once per key. */
export async function release(db: Db, effect: EffectOf<'release'>): Promise<OutcomeOf<'release'>> {
  return (await move<'release'>(db, effect, done)) ?? fewer(effect);
}

/** Goods promised to the order leave the stock; once per key. */
export async function deduct(db: Db, effect: EffectOf<'deduct'>): Promise<OutcomeOf<'deduct'>> {
  return (await move<'deduct'>(db, effect, done)) ?? fewer(effect);
}

/** Returned goods are on hand again; once per key. */
export async function restock(db: Db, effect: EffectOf<'restock'>): Promise<OutcomeOf<'restock'>> {
  return (await move<'restock'>(db, effect, done)) ?? fewer(effect);
}

/** Somebody has changed the stock behind the orders' backs. Once it is mended, the next try goes through. */
function fewer({ key, lines }: EffectOf<StockEffect>): never {
  throw new Error(`${key}: less is in stock than was promised: ${JSON.stringify(lines)}`);
}

/** Stock was to be set below what is promised to orders. */
export class StockReservedError extends Error {
  override readonly name = 'StockReservedError';
  readonly code = 'stock_reserved';
  readonly reserved: number;
  constructor(sku: string, reserved: number) {
    super(`${reserved} of ${sku} are reserved for orders: onHand must be at least that.`);
    this.reserved = reserved;
  }
}

/**
 * Sets what is on hand of a SKU, as after a count or a delivery.
 *
 * @throws StockReservedError where more than `onHand` is reserved
 */
export async function setStock(db: Db, sku: string, onHand: number): Promise<Stock> {
  const at = new Date().toISOString();
  const movement = {
    _id: randomUUID(),
    type: 'set',
    lines: [{ sku, quantity: onHand }],
    outcome: done,
    at,
  } as const;
  return await inTransaction(db, async (session) => {
    await movements(db).insertOne(movement, { session });
    await stock(db).bulkWrite([opening(sku, at)], { session });
    const counted = await stock(db).findOneAndUpdate(
      { _id: sku, reserved: { $lte: onHand } },
      { $set: { onHand, updatedAt: at } },
      { session, returnDocument: 'after', projection: { _id: 0 } },
    );
    if (counted !== null) return counted;
    const uncounted = await stock(db).findOne({ _id: sku }, { session });
    throw new StockReservedError(sku, uncounted?.reserved ?? 0);
  });
}

export async function getStock(db: Db, sku: string): Promise<Stock> {
  const found = await stock(db).findOne({ _id: sku }, { projection: { _id: 0 } });
  return found ?? untouched(sku);
}

/** SKUs that somebody has touched, ascending, behind `after`. */
export async function listStock(
  db: Db,
  { after = '', limit }: { readonly after?: string; readonly limit: number },
): Promise<Stock[]> {
  return await stock(db)
    .find({ _id: { $gt: after } })
    .project<Stock>({ _id: 0 })
    .sort({ _id: 1 })
    .limit(limit)
    .toArray();
}

/** The sandbox: a SKU nobody has set has 1,000 on hand, or none where it starts with `OUT-`. */
function untouched(sku: string): Stock {
  return { sku, onHand: sku.startsWith('OUT-') ? 0 : 1_000, reserved: 0 };
}

function stock(db: Db) {
  return db.collection<StockDocument>('stock');
}

function movements(db: Db) {
  return db.collection<StockMovement>('stock_movements');
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
  return await inTransaction(db, async (session) => {
    await movements(db).insertOne({ _id: key, orderId: orderOf(key), type, lines, outcome, at }, { session });
    const { modifiedCount } = await stock(db).bulkWrite(changes, { session, ordered: true });
    const isMoved = modifiedCount === lines.length;
    if (!isMoved) await session.abortTransaction();
    return isMoved;
  });
}

/** Creates the SKU's stock where there is none yet; leaves it untouched otherwise. */
function opening(sku: string, at: string): AnyBulkWriteOperation<StockDocument> {
  const update = { $setOnInsert: { ...untouched(sku), updatedAt: at } };
  return { updateOne: { filter: { _id: sku }, update, upsert: true } };
}

/** Changes the SKU's stock, or nothing where that would break 0 ≤ reserved ≤ onHand. */
function changing(
  type: StockEffect,
  { sku, quantity }: LineQuantity,
  at: string,
): AnyBulkWriteOperation<StockDocument> {
  const { guard, $inc } = change(type, quantity);
  return { updateOne: { filter: { _id: sku, ...guard }, update: { $inc, $set: { updatedAt: at } } } };
}

function change(type: StockEffect, quantity: number) {
  switch (type) {
    case 'reserve':
      return {
        guard: { $expr: { $gte: [{ $subtract: ['$onHand', '$reserved'] }, quantity] } },
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

async function missingStock(db: Db, lines: readonly LineQuantity[]): Promise<readonly MissingStock[]> {
  const skus = lines.map((line) => line.sku);
  const found = await stock(db)
    .find({ _id: { $in: skus } }, committed)
    .toArray();
  return lines.flatMap(({ sku, quantity }) => {
    const { onHand, reserved } = found.find((entry) => entry.sku === sku) ?? untouched(sku);
    const available = onHand - reserved;
    return available < quantity ? [{ sku, requested: quantity, available }] : [];
  });
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
