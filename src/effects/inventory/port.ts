import type { EffectOf, OutcomeOf } from '../../order/effects.js';
import type { CallOptions, LookUpAnswer, Limits, Unknown } from '../port.js';
import type { StockEffect } from './stock.js';

/**
 * The port to an inventory. The contract of all ports (`port.ts`) holds, and no unit is reserved
 * twice: for each SKU, reserved ≤ on hand.
 */
export interface InventoryProvider {
  /** Reserves all of the lines for the order, or none: `out_of_stock` lists what is missing. */
  reserve(request: EffectOf<'reserve'>, options: CallOptions): Promise<OutcomeOf<'reserve'> | Unknown>;
  /** Releases reserved units, which then can be reserved again. */
  release(request: EffectOf<'release'>, options: CallOptions): Promise<OutcomeOf<'release'> | Unknown>;
  /** Removes reserved units from the stock, because they were shipped. */
  deduct(request: EffectOf<'deduct'>, options: CallOptions): Promise<OutcomeOf<'deduct'> | Unknown>;
  /** Puts returned units back on hand. */
  restock(request: EffectOf<'restock'>, options: CallOptions): Promise<OutcomeOf<'restock'> | Unknown>;
  /** The answer to the call with this key, even if it never reached a caller. */
  lookUp(key: string, options: CallOptions): Promise<LookUpAnswer<StockEffect>>;
}

/** A module that `INVENTORY` may name: the port's functions are its exports. */
export interface InventoryModule extends InventoryProvider {
  readonly limits?: Partial<Limits>;
  /** For certification, which needs this function: sets the units on hand of a new SKU. */
  stockUp?(sku: string, onHand: number): Promise<void>;
  /** For certification: the units of a SKU. */
  stock?(sku: string): Promise<Units>;
}

export interface Units {
  readonly onHand: number;
  /** units on hand that are reserved */
  readonly reserved: number;
}
