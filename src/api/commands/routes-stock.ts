import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { CountRefused, countStock } from '../../effects/inventory/stock-counts.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { Stock, StockCount, StockPath } from '../schemas/stock.js';
import { Actors, closed, IfMatch, Key } from '../schemas/values.js';
import type { Http } from '../http.js';
import { metaOf } from './request.js';

export interface StockCommandDeps {
  readonly db: Db;
  /**
   * Called after each count that is not a repetition. It updates Temporal's mark of the database,
   * which says how often each SKU was counted. If MongoDB has fewer counts later, it was restored
   * from a backup.
   */
  readonly updateMark: () => void;
}

/** Sets the units on hand of a SKU. Stock is not event-sourced, so no workflow is involved. */
export function registerStockCommands(app: Http, { db, updateMark }: StockCommandDeps): void {
  app.put(
    '/v1/stock/:sku',
    {
      config: { access: 'stock:write' },
      schema: {
        summary: 'Set what is on hand of a SKU',
        tags: ['stock'],
        headers: Type.Object({
          'idempotency-key': Type.Optional(Key),
          'if-match': Type.Optional(IfMatch),
          ...Actors.properties,
          'x-correlation-id': Type.Optional(Key),
        }),
        params: StockPath,
        body: closed({ onHand: StockCount }),
        response: { 200: Stock, ...problemResponses(400, 409, 412, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { issuer, key, expectedVersion } = metaOf(request);
      const count = { ...request.params, ...request.body, issuer, key };
      try {
        const { stock, version, isReplayed } = await countStock(db, {
          ...count,
          ...(expectedVersion === undefined ? {} : { expectedVersion }),
        });
        if (isReplayed) reply.header('idempotent-replayed', 'true');
        else updateMark();
        return await reply.header('etag', `"${version}"`).send(stock);
      } catch (error) {
        throw error instanceof CountRefused ? problemOf(error) : error;
      }
    },
  );
}

const statusOf = {
  key_reused: 422,
  stale_version: 412,
  stock_reserved: 409,
  stock_restoring: 409,
  stock_not_ready: 503,
} as const satisfies Record<CountRefused['code'], number>;

function problemOf({ code, message, version }: CountRefused): HttpProblem {
  const errors = [{ pointer: '/onHand', in: 'body' as const, detail: message }];
  return new HttpProblem(statusOf[code], code, message, {
    ...(code === 'stock_reserved' ? { errors } : {}),
    ...(version === undefined ? {} : { version }),
  });
}
