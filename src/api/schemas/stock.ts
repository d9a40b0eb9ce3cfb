import { type Static, Type } from 'typebox';
import { closed, Sku } from './values.js';

/** Units on hand. */
export const StockCount = Type.Integer({ minimum: 0, maximum: 1_000_000_000 });

/** The stock of a SKU in the answers of commands and queries. */
export const Stock = closed({
  sku: Type.String(),
  onHand: Type.Integer(),
  reserved: Type.Integer({ description: 'units on hand that are reserved for orders' }),
  updatedAt: Type.Optional(Type.String({ description: 'absent if nothing has changed it yet' })),
  toBeCounted: Type.Optional(
    Type.Literal(true, {
      description: 'the number on hand was lost with a database: reservations wait until it is counted (PUT)',
    }),
  ),
});
export type Stock = Static<typeof Stock>;

export const StockPath = closed({ sku: Sku });
