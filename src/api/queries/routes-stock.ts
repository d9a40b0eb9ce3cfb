import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { getStock, latestMovements, listStock, type StockMovement } from '../../effects/inventory/stock.js';
import { Movement } from '../schemas/movement.js';
import { problemResponses } from '../problem.js';
import { MAX_PAGE, MAX_SHORT_PAGE } from '../schemas/page-limits.js';
import { CursorParameter, limitParameter, pageOf, pageSchema } from '../schemas/paging.js';
import { Stock, StockPath } from '../schemas/stock.js';
import { closed } from '../schemas/values.js';
import type { Http } from '../http.js';
import type { Cursors } from './cursor.js';

const tags = ['stock'];

interface StockQueryDeps {
  readonly db: Db;
  readonly cursors: Cursors;
}

/** Serves the stock of SKUs and its movements. */
export function registerStockQueries(app: Http, deps: StockQueryDeps): void {
  listRoute(app, deps);
  skuRoute(app, deps);
  movementsRoute(app, deps);
}

function listRoute(app: Http, { db, cursors }: StockQueryDeps): void {
  app.get(
    '/v1/stock',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'Stock of every SKU that ever had any movement',
        tags,
        querystring: closed({
          limit: limitParameter(MAX_PAGE, 200),
          cursor: CursorParameter,
        }),
        response: { 200: pageSchema(Stock), ...problemResponses(400, 503) },
      },
    },
    async (request, reply) => {
      const { limit = 200, cursor } = request.query;
      const after = cursor === undefined ? undefined : String(cursors.read('stock', cursor)[0]);
      const found = await listStock(db, { limit: limit + 1, ...(after === undefined ? {} : { after }) });
      const { data, last } = pageOf(found, limit);
      return await reply.send({ data, ...(last && { nextCursor: cursors.write('stock', [last.sku]) }) });
    },
  );
}

function skuRoute(app: Http, { db }: StockQueryDeps): void {
  app.get(
    '/v1/stock/:sku',
    {
      config: { access: 'orders:read' },
      schema: {
        summary: 'Stock of one SKU',
        tags,
        params: StockPath,
        response: { 200: Stock, ...problemResponses(400, 503) },
      },
    },
    async (request, reply) => {
      const { stock, version } = await getStock(db, request.params.sku);
      return await reply.header('etag', `"${version}"`).send(stock);
    },
  );
}

function movementsRoute(app: Http, { db }: StockQueryDeps): void {
  app.get(
    '/v1/stock/:sku/movements',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'The latest movements of a SKU, the last one first',
        tags,
        params: StockPath,
        querystring: closed({
          limit: limitParameter(MAX_SHORT_PAGE, 50),
        }),
        response: { 200: closed({ data: Type.Array(Movement) }), ...problemResponses(400, 503) },
      },
    },
    async (request, reply) => {
      const { sku } = request.params;
      const found = await latestMovements(db, sku, request.query.limit ?? 50);
      return await reply.send({ data: found.map((movement) => movementOf(movement, sku)) });
    },
  );
}

function movementOf({ _id, at, type, lines, outcome, orderId }: StockMovement, sku: string) {
  const quantity = lines.find((line) => line.sku === sku)?.quantity ?? 0;
  return { id: _id, at, type, quantity, outcome: outcome.type, ...(orderId !== undefined && { orderId }) };
}
