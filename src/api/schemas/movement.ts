import { type Static, Type } from 'typebox';
import { closed } from './values.js';

/** One change of the stock of a SKU. */
export const Movement = closed({
  id: Type.String({ description: 'the key of the effect that moved it, or of the count' }),
  at: Type.String({ description: 'ISO-8601 UTC' }),
  type: Type.Enum(['reserve', 'release', 'deduct', 'restock', 'set', 'carried']),
  quantity: Type.Integer({ description: 'units moved; for `set`, the units on hand then' }),
  outcome: Type.String(),
  orderId: Type.Optional(Type.String()),
});
export type Movement = Static<typeof Movement>;
