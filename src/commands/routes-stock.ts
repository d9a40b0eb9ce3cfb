import type { Db } from 'mongodb';
import { setStock, StockReservedError } from '../activities/inventory.js';
import { HttpProblem, problem } from '../platform/http-problem.js';
import { closed, Key, Stock, StockPath, StockCount } from '../platform/http-schemas.js';
import type { Http } from '../platform/http.js';
import { Type } from 'typebox';

/** What is on hand, counted anew. Stock is not event-sourced, so this is no command to a workflow. */
export function registerStockCommands(app: Http, db: Db): void {
  app.put(
    '/v1/stock/:sku',
    {
      schema: {
        summary: 'Set what is on hand of a SKU',
        tags: ['stock'],
        headers: Type.Object({
          'idempotency-key': Type.Optional(Key),
          'x-correlation-id': Type.Optional(Key),
        }),
        params: StockPath,
        body: closed({ onHand: StockCount }),
        response: {
          200: Stock,
          400: problem(400),
          409: problem(409),
          413: problem(413),
          415: problem(415),
          503: problem(503),
        },
      },
    },
    async (request, reply) => {
      try {
        return await reply.send(await setStock(db, request.params.sku, request.body.onHand));
      } catch (error) {
        if (!(error instanceof StockReservedError)) throw error;
        const { code, message } = error;
        const errors = [{ pointer: '/onHand', in: 'body' as const, detail: message }];
        throw new HttpProblem(409, code, message, { errors });
      }
    },
  );
}
