import type { Db } from 'mongodb';
import { Type } from 'typebox';
import type { Line, Order } from '../order/order.js';
import { type AsOf, readView } from '../log/views/read-view.js';
import type { ViewChange } from '../log/views/view.js';
import { type Body, closed, Count, pageOf, type ViewQuery, viewQuery } from './query.js';
import type { SummaryFeedView } from './order-feed-view.js';

/** Units of a product in all orders, by what happened to them. */
const demand = {
  sku: Type.String(),
  orders: Type.Integer({ description: 'orders with the product, whatever their status' }),
  ordered: Type.Integer({ description: 'units in all orders; the next members say what became of them' }),
  /**
   * units cancelled with the order, or with its undispatched rest; rejected and expired orders do
   * not count
   */
  cancelled: Count,
  shipped: Count,
  /** sent back, or to be sent back */
  returned: Count,
};

export type ProductDemand = Body<typeof demand>;

interface ProductDocument extends Partial<Omit<ProductDemand, 'sku'>> {
  readonly _id: string;
}

const queries: readonly ViewQuery[] = [
  viewQuery({
    path: '/v1/products',
    summary: 'Demand for every product that was ever ordered, by SKU',
    pageSize: { byDefault: 200, atMost: 1_000 },
    body: { data: Type.Array(closed(demand)) },
    async run(db, { page }) {
      const after = page.after === undefined ? {} : { after: String(page.after[0]) };
      const { found, asOf } = await listProducts(db, { limit: page.limit + 1, ...after });
      const { data, next } = pageOf(found, page, ({ sku }) => [sku]);
      return { found: { data }, asOf, ...(next && { next }) };
    },
  }),
  viewQuery({
    path: '/v1/products/:sku',
    summary: 'Demand for a product',
    keys: { sku: 'sku' },
    body: demand,
    notFound: { code: 'product_not_found', detail: ({ sku }) => `Nobody has ordered ${sku}` },
    run: async (db, { keys: { sku } }) => await findProduct(db, sku),
  }),
];

export const productDemand: SummaryFeedView = {
  name: 'product-demand',
  version: 1,
  indexes: [],
  queries,
  fold(_event, before, after) {
    if (before?.lines === after.lines) return [];
    const skus = new Set([...(before?.lines ?? []), ...after.lines].map(({ sku }) => sku));
    return [...skus].flatMap((sku) => changeOf(sku, lineOf(before, sku), lineOf(after, sku)));
  },
};

function lineOf(order: Order | undefined, sku: string): Line | undefined {
  return order?.lines.find((line) => line.sku === sku);
}

function changeOf(id: string, before: Line | undefined, after: Line | undefined): readonly ViewChange[] {
  const unitsBefore = unitsOf(before);
  const changed = Object.entries(unitsOf(after))
    .map(([name, units]) => [name, units - unitsBefore[name as keyof typeof unitsBefore]] as const)
    .filter(([, difference]) => difference !== 0);
  return changed.length === 0 ? [] : [{ id, add: Object.fromEntries(changed) }];
}

function unitsOf(line: Line | undefined) {
  return {
    orders: line === undefined ? 0 : 1,
    ordered: line?.quantity ?? 0,
    cancelled: line?.cancelled ?? 0,
    shipped: line?.dispatched ?? 0,
    returned: line?.returned ?? 0,
  };
}

/** @returns undefined if no order up to the view's position has the product */
async function findProduct(
  db: Db,
  sku: string,
): Promise<{ readonly found: ProductDemand | undefined; readonly asOf: AsOf }> {
  return await readView<ProductDocument, ProductDemand | undefined>(db, productDemand, async ({ find }) => {
    const [document] = await find({ _id: sku }).toArray();
    return document && toDemand(document);
  });
}

/** At most `limit` products by SKU, beginning after the SKU `after`. */
async function listProducts(
  db: Db,
  { after = '', limit }: { readonly after?: string; readonly limit: number },
): Promise<{ readonly found: readonly ProductDemand[]; readonly asOf: AsOf }> {
  return await readView<ProductDocument, readonly ProductDemand[]>(db, productDemand, async ({ find }) => {
    const products = await find({ _id: { $gt: after } })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    return products.map(toDemand);
  });
}

function toDemand(document: ProductDocument): ProductDemand {
  const { _id, orders = 0, ordered = 0, cancelled = 0, shipped = 0, returned = 0 } = document;
  return { sku: _id, orders, ordered, cancelled, shipped, returned };
}
