import type { Db } from 'mongodb';
import type { LineQuantity } from '../../order/commands.js';
import type { Effect, EffectOf, OutcomeOf } from '../../order/effects.js';
import { answering } from '../../log/journal/durability.js';
import { stockState } from './stock-state.js';

/**
 * Units of one SKU: 0 ≤ reserved ≤ onHand, unless it is to be counted: then `reserved` is right and `onHand` is what is known.
 */
export interface Stock {
  readonly sku: string;
  readonly onHand: number;
  /** of those on hand, promised to orders */
  readonly reserved: number;
  /** ISO-8601 UTC; absent while nothing has changed it */
  readonly updatedAt?: string;
  /** a restore of MongoDB could not tell what is on hand: reservations wait for a count */
  readonly toBeCounted?: true;
}

export type StockDocument = Stock & {
  /** the SKU */
  readonly _id: string;
  /** of changes; absent stands for 0 */
  readonly version?: number;
  /** how often it was counted (`countStock`); absent for never */
  readonly counts?: number;
};

export type StockEffect = 'reserve' | 'release' | 'deduct' | 'restock';

export function movesGoods(effect: Effect): effect is EffectOf<StockEffect> {
  const { type } = effect;
  return type === 'reserve' || type === 'release' || type === 'deduct' || type === 'restock';
}

/** One change of the stock, never changed itself: the proof that it was done, and what came of it. */
export interface StockMovement {
  /** an effect's key `<orderId>:<type>:<version>`, or `set <issuer> <key>`: of the two, only the second has spaces */
  readonly _id: string;
  readonly orderId?: string;
  /** `carried`: what an order held, or no longer held, after events that are lost (`restoreStock`) */
  readonly type: StockEffect | 'set' | 'carried';
  /** units moved, below 0 where a carried order holds less; for `set`, units now on hand */
  readonly lines: readonly LineQuantity[];
  readonly outcome: OutcomeOf<StockEffect>;
  /** ISO-8601 UTC */
  readonly at: string;
  /** for `set`: the rest of its answer */
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
}

/** The sandbox: a SKU that was never counted has 1,000 on hand, or none where it starts with `OUT-`. */
export function untouched(sku: string): Stock {
  return { sku, onHand: sku.startsWith('OUT-') ? 0 : 1_000, reserved: 0 };
}

/** What is known of a SKU, and the ETag of that: another one after each change. */
export interface KnownStock {
  readonly stock: Stock;
  /** 1 or more */
  readonly version: number;
}

export function known({
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
  const found = await stock(db).findOne({ _id: sku }, answering);
  if (found !== null) return known(found);
  const isOutdated = (await stockState(db))?.outdated !== undefined;
  return known({ ...untouched(sku), ...(isOutdated && { toBeCounted: true as const }) });
}

/** SKUs that were ever touched, ascending, after `after`. */
export async function listStock(
  db: Db,
  { after = '', limit }: { readonly after?: string; readonly limit: number },
): Promise<Stock[]> {
  const found = await stock(db)
    .find({ _id: { $gt: after } }, answering)
    .sort({ _id: 1 })
    .limit(limit)
    .toArray();
  return found.map((document) => known(document).stock);
}
