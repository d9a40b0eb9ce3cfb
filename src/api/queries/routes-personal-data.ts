import { Readable } from 'node:stream';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { type ExportDeps, exportPerson } from '../../forgetting/export.js';
import { latestForgetting } from '../../forgetting/forgettings.js';
import { ForgettingAnswer, forgettingAnswer, noCustomer } from '../schemas/forgetting.js';
import { HttpProblem, problemResponses } from '../problem.js';
import { CustomerPath } from '../schemas/values.js';
import type { Http } from '../http.js';

export interface PersonQueryDeps extends ExportDeps {
  readonly db: Db;
}

/** Exports all data of a customer, and shows the state of its latest forgetting. */
export function registerPersonalDataQueries(app: Http, deps: PersonQueryDeps): void {
  exportRoute(app, deps);
  forgettingRoute(app, deps);
}

function exportRoute(app: Http, exporting: ExportDeps): void {
  app.get(
    '/v1/customers/:customerId/export',
    {
      config: { access: 'persons:read', work: 'history' },
      schema: {
        summary: 'Everything that is stored about a customer, for a subject access request',
        description:
          'Each order as it is, with its whole log and what needs an operator, and earlier forgettings. It is sent order by ' +
          'order: an answer that was cut off is no JSON.',
        tags: ['persons'],
        params: CustomerPath,
        response: {
          200: {
            description: 'personal values are opened',
            content: {
              'application/json': {
                schema: Type.Object({
                  customerId: Type.String(),
                  exportedAt: Type.String({ description: 'ISO-8601 UTC' }),
                  orders: Type.Array(Type.Object({ orderId: Type.String() })),
                  forgettings: Type.Array(Type.Object({ customerId: Type.String() })),
                  sealedOrders: Type.Array(Type.String(), {
                    description:
                      'orders with a value that could not be opened: the key store is unavailable, or lacks its key',
                  }),
                }),
              },
            },
          },
          ...problemResponses(400, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { customerId } = request.params;
      const pieces = exportPerson(exporting, customerId);
      // The first piece is read before the answer begins, so an outage is answered with a problem.
      const first = await pieces.next();
      if (first.done === true) throw noCustomer(customerId);
      return await reply
        .type('application/json; charset=utf-8')
        .send(Readable.from(after(first.value, pieces)));
    },
  );
}

function forgettingRoute(app: Http, { db }: PersonQueryDeps): void {
  app.get(
    '/v1/customers/:customerId/forget',
    {
      config: { access: 'persons:erase' },
      schema: {
        summary: 'The last forgetting of a customer, with its certificate',
        tags: ['persons'],
        params: CustomerPath,
        response: { 200: ForgettingAnswer, ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { customerId } = request.params;
      const row = await latestForgetting(db, customerId);
      if (row === undefined)
        throw new HttpProblem(404, 'forgetting_not_found', `Customer ${customerId} was not forgotten.`);
      return await reply.send(forgettingAnswer(row));
    },
  );
}

async function* after(first: string, rest: AsyncIterable<string>): AsyncGenerator<string, void> {
  yield first;
  yield* rest;
}
