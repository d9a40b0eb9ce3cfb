import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import type { EffectOf } from '../../order/effects.js';
import type { Known } from '../port.js';
import { deduct, release, reserve, restock } from './inventory.js';
import type { InventoryProvider } from './port.js';
import { movements, type StockEffect } from './stock.js';

/** The built-in inventory: the collections `stock` and `stock_movements`. */
export function stockInventory(db: Db) {
  return {
    reserve: (effect: EffectOf<'reserve'>) => reserve(db, effect),
    release: (effect: EffectOf<'release'>) => release(db, effect),
    deduct: (effect: EffectOf<'deduct'>) => deduct(db, effect),
    restock: (effect: EffectOf<'restock'>) => restock(db, effect),
    async lookUp(key: string): Promise<Known<StockEffect>> {
      const movement = await movements(db).findOne({ _id: key }, committed);
      return movement?.outcome ?? { type: 'none' };
    },
  } satisfies InventoryProvider;
}
