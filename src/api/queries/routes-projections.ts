import type { Db } from 'mongodb';
import { type ViewsStatus, viewsStatus } from '../../log/views/status.js';
import { orderLog } from '../../order-log.js';
import { views } from '../../views/views.js';
import type { Http } from '../http.js';
import { problem } from '../problem.js';
import { storeNames } from '../schemas/projection-path.js';
import { Projections } from '../schemas/projections.js';

/** The state of views and stores derived from events. */
export function registerProjections(app: Http, db: Db): void {
  app.get(
    '/v1/projections',
    {
      config: { access: 'ops' },
      schema: {
        summary: 'Position and lag of the feed, and of every view and store derived from events',
        tags: ['operations'],
        response: { 200: Projections, 503: problem(503) },
      },
    },
    async (_request, reply) => await reply.send(toAnswer(await viewsStatus(orderLog, db, views, storeNames))),
  );
}

function toAnswer({ feed, views: all, stores }: ViewsStatus): Projections {
  const named = stores.map(({ exceptions, ...store }) =>
    exceptions === undefined
      ? store
      : { ...store, exceptions: { ...exceptions, orderIds: [...exceptions.orderIds] } },
  );
  return { feed, views: [...all], stores: named };
}
