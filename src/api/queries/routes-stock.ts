import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { getStock, listStock } from '../../effects/inventory/stock.js';
import { problem } from '../problem.js';
import { closed, Stock, StockPath } from '../schemas.js';
import type { Http } from '../server.js';
import type { Cursors } from './cursor.js';
import { page } from './schemas.js';

const tags = ['stock'];

export function registerStockQueries(
  app: Http,
  { db, cursors }: { readonly db: Db; readonly cursors: Cursors },
): void {
  app.get(
    '/v1/stock',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'Stock of every SKU that ever had any movement',
        tags,
        querystring: closed({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 200 })),
          cursor: Type.Optional(Type.String({ maxLength: 500 })),
        }),
        response: { 200: page(Stock), 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { limit = 200, cursor } = request.query;
      const after = cursor === undefined ? undefined : String(cursors.read('stock', cursor)[0]);
      const found = await listStock(db, { limit: limit + 1, ...(after === undefined ? {} : { after }) });
      const data = found.slice(0, limit);
      const last = data.at(-1);
      const isLastPage = found.length <= limit || last === undefined;
      return await reply.send({
        data,
        ...(isLastPage ? {} : { nextCursor: cursors.write('stock', [last.sku]) }),
      });
    },
  );

  app.get(
    '/v1/stock/:sku',
    {
      config: { access: 'orders:read' },
      schema: {
        summary: 'Stock of one SKU',
        tags,
        params: StockPath,
        response: { 200: Stock, 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { stock, version } = await getStock(db, request.params.sku);
      return await reply.header('etag', `"${version}"`).send(stock);
    },
  );
}
