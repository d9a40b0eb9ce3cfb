import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import type { CallOptions, Known, Limits, Unknown } from '../port.js';
import type { StockEffect } from './stock.js';

/**
 * The port to an inventory. The contract of all ports (`port.ts`) holds, and units are never
 * promised twice: for each SKU, reserved ≤ on hand.
 */
export interface InventoryProvider {
  /** Promises all of the lines to the order, or none: `out_of_stock` says what is missing. */
  reserve(request: EffectOf<'reserve'>, options: CallOptions): Promise<OutcomeOf<'reserve'> | Unknown>;
  /** Takes back a promise. */
  release(request: EffectOf<'release'>, options: CallOptions): Promise<OutcomeOf<'release'> | Unknown>;
  /** Removes promised units from the stock, because they were shipped. */
  deduct(request: EffectOf<'deduct'>, options: CallOptions): Promise<OutcomeOf<'deduct'> | Unknown>;
  /** Puts returned units back on hand. */
  restock(request: EffectOf<'restock'>, options: CallOptions): Promise<OutcomeOf<'restock'> | Unknown>;
  /** What became of the call with this key: its answer, even if no caller ever got it. */
  lookUp(key: string, options: CallOptions): Promise<Known<StockEffect>>;
}

/** A module that `INVENTORY` may name: the port's functions are its exports. */
export interface InventoryModule extends InventoryProvider {
  readonly limits?: Partial<Limits>;
  /** For certification, which needs it: from now on, so many units of a new SKU are on hand. */
  stockUp?(sku: string, onHand: number): Promise<void>;
}
