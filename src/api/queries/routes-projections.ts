import type { Db } from 'mongodb';
import { storesStatus } from '../../log/rebuilding/store-status.js';
import { viewsStatus } from '../../log/views/status.js';
import { orderLog } from '../../order-log.js';
import { views } from '../../views/views.js';
import type { Http } from '../http.js';
import { problemResponses } from '../problem.js';
import { storeNames } from '../schemas/projection-path.js';
import { Projections } from '../schemas/projections.js';

/** Serves the state of the views and stores that are derived from events. */
export function registerProjections(app: Http, db: Db): void {
  app.get(
    '/v1/projections',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Position and lag of the feed, and of every view and store derived from events',
        tags: ['operations'],
        response: { 200: Projections, ...problemResponses(503) },
      },
    },
    async (_request, reply) => {
      const [status, stores] = await Promise.all([
        viewsStatus(orderLog, db, views),
        storesStatus(db, storeNames),
      ]);
      return await reply.send({ feed: status.feed, views: [...status.views], stores: [...stores] });
    },
  );
}
