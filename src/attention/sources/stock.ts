import { stock } from '../../effects/inventory/stock.js';
import { committedInTime } from '../../mongodb/durability.js';
import { pageFilter } from '../cursor.js';
import type { Source } from '../source.js';

/** SKUs whose units on hand are unknown after a restore. */
export const skusToBeCounted: Source = async ({ db, before, after, limit }) => {
  const found = await stock(db)
    .find(pageFilter('updatedAt', before, after, { toBeCounted: true }), committedInTime)
    .sort({ updatedAt: 1, _id: 1 })
    .limit(limit)
    .toArray();
  return found.map(({ _id: sku, updatedAt = '' }) => ({
    id: sku,
    row: {
      code: 'stock_to_be_counted',
      since: updatedAt,
      detail: `after a restore it is unknown how many of ${sku} are on hand; new reservations wait`,
      remedy: `count it, then: npx orders stock set ${sku} <onHand>`,
    },
  }));
};
