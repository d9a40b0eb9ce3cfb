import type { Db } from 'mongodb';
import { latestForgetting } from '../../forgetting/forgettings.js';
import { ForgettingAnswer, forgettingAnswer } from '../forgetting.js';
import { HttpProblem, problem } from '../problem.js';
import { CustomerPath } from '../schemas.js';
import type { Http } from '../server.js';

/** How far the last forgetting of a customer is, and its certificate. */
export function registerPersonQueries(app: Http, { db }: { readonly db: Db }): void {
  app.get(
    '/v1/customers/:customerId/forget',
    {
      config: { access: 'persons:erase' },
      schema: {
        summary: 'The last forgetting of a customer, with its certificate',
        tags: ['persons'],
        params: CustomerPath,
        response: { 200: ForgettingAnswer, 400: problem(400), 404: problem(404), 503: problem(503) },
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
