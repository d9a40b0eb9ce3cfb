import type { Db } from 'mongodb';
import type { LineQuantity } from '../../order/commands.js';
import type { Effect, EffectOf, OutcomeOf } from '../../order/effects.js';
import { committedInTime } from '../../mongodb/durability.js';
import { stockState } from './stock-state.js';

/**
 * Units of one SKU: 0 ≤ reserved ≤ onHand. If the SKU has to be counted, `reserved` is right, but
 * `onHand` may be wrong.
 */
export interface Stock {
  readonly sku: string;
  readonly onHand: number;
  /** units on hand that are reserved for orders */
  readonly reserved: number;
  /** ISO-8601 UTC; absent if nothing has changed it yet */
  readonly updatedAt?: string;
  /** after a restore the units on hand are unknown: reservations wait for a count */
  readonly toBeCounted?: true;
}

export type StockDocument = Stock & {
  /** the SKU */
  readonly _id: string;
  /** number of changes; absent for 0 */
  readonly version?: number;
  /** number of counts (`countStock`); absent for 0 */
  readonly counts?: number;
};

export type StockEffect = 'reserve' | 'release' | 'deduct' | 'restock';

export function isStockEffect(effect: Effect): effect is EffectOf<StockEffect> {
  const { type } = effect;
  return type === 'reserve' || type === 'release' || type === 'deduct' || type === 'restock';
}

/**
 * A change of the stock, or a refused reservation. A movement is immutable, and the movement of an
 * effect proves the outcome of the effect.
 */
export interface StockMovement {
  /**
   * an effect's key (`effectKey`); for `carried`, a key of the same form; for a count,
   * `set <issuer> <key>`. An effect's key contains no space, so a count never has the same id.
   */
  readonly _id: string;
  readonly orderId?: string;
  /** `carried`: the net effect of an order's lost events (`carryOver` in `stock-restore.ts`) */
  readonly type: StockEffect | 'set' | 'carried';
  /**
   * the units moved, or refused; negative if `carried` releases them; for `set`, the units on hand
   */
  readonly lines: readonly LineQuantity[];
  readonly outcome: OutcomeOf<StockEffect>;
  /** ISO-8601 UTC */
  readonly at: string;
  /** the reserved units and the version after a count; only for `set` */
  readonly after?: { readonly reserved: number; readonly version: number };
}

export const done = { type: 'done' } as const;

export function stock(db: Db) {
  return db.collection<StockDocument>('stock');
}

export function movements(db: Db) {
  return db.collection<StockMovement>('stock_movements');
}

export async function ensureStockIndexes(db: Db): Promise<void> {
  await stock(db).createIndexes([
    { key: { counts: 1 }, sparse: true },
    { key: { toBeCounted: 1 }, sparse: true },
  ]);
  await movements(db).createIndex({ 'lines.sku': 1, at: -1 });
}

/** The sandbox's initial stock: 1,000 units, or none if the SKU starts with `OUT-`. */
export function initialStock(sku: string): Stock {
  return { sku, onHand: sku.startsWith('OUT-') ? 0 : 1_000, reserved: 0 };
}

/** A SKU's stock with its version. Each change raises the version, which is also the ETag. */
export interface KnownStock {
  readonly stock: Stock;
  /** 1 or more */
  readonly version: number;
}

export function withVersion({
  sku,
  onHand,
  reserved,
  updatedAt,
  toBeCounted,
  version = 0,
}: StockVersion): KnownStock {
  return {
    stock: {
      sku,
      onHand,
      reserved,
      ...(updatedAt !== undefined && { updatedAt }),
      ...(toBeCounted !== undefined && { toBeCounted }),
    },
    version: version + 1,
  };
}

type StockVersion = Stock & Pick<StockDocument, 'version'>;

export async function getStock(db: Db, sku: string): Promise<KnownStock> {
  const found = await stock(db).findOne({ _id: sku }, committedInTime);
  if (found !== null) return withVersion(found);
  const state = await stockState(db);
  const isUncounted = state?.outdated !== undefined || state?.countsAreLost === true;
  return withVersion({ ...initialStock(sku), ...(isUncounted && { toBeCounted: true as const }) });
}

/** SKUs with a stock document, ascending, starting after `after`. */
export async function listStock(
  db: Db,
  { after = '', limit }: { readonly after?: string; readonly limit: number },
): Promise<Stock[]> {
  const found = await stock(db)
    .find({ _id: { $gt: after } }, committedInTime)
    .sort({ _id: 1 })
    .limit(limit)
    .toArray();
  return found.map((document) => withVersion(document).stock);
}

/** The latest movements of a SKU, the last one first. */
export async function latestMovements(db: Db, sku: string, limit: number): Promise<StockMovement[]> {
  return await movements(db)
    .find({ 'lines.sku': sku }, committedInTime)
    .sort({ at: -1 })
    .limit(limit)
    .toArray();
}
