import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { feedHead } from '../../log/feed/feed.js';
import { listParked } from '../../log/views/list-parked.js';
import { committedInTime } from '../../mongodb/durability.js';
import { orderLog } from '../../order-log.js';
import type { Http } from '../http.js';
import { problemResponses } from '../problem.js';
import { MAX_PAGE } from '../schemas/page-limits.js';
import { limitParameter, pageOf, pageSchema } from '../schemas/paging.js';
import { existingView, NamePath } from '../schemas/projection-path.js';
import { ParkedEvent } from '../schemas/projections.js';
import { closed, Id } from '../schemas/values.js';
import { refusePositionBeyond } from './refuse-unknown.js';

/** Serves the events that a view could not apply, and later ones that wait for them. */
export function registerParked(app: Http, db: Db): void {
  app.get(
    '/v1/projections/:name/parked',
    {
      config: { access: 'ops', work: 'list' },
      schema: {
        summary: 'Events that a view could not apply, and later ones that wait for them',
        description: 'By position. Pass `nextCursor` on as `after`.',
        tags: ['operations'],
        params: NamePath,
        querystring: closed({
          orderId: Type.Optional(Id),
          after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1 })),
          limit: limitParameter(MAX_PAGE, 200),
        }),
        response: { 200: pageSchema(ParkedEvent), ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const view = existingView(request.params.name);
      const { limit = 200, ...query } = request.query;
      const found = await listParked(db, view, { ...query, limit: limit + 1 });
      const { after = 0 } = query;
      if (found.length === 0 && after > 0)
        refusePositionBeyond(after, await feedHead(orderLog, db, committedInTime));
      const { data: rows, last } = pageOf(found, limit);
      const data = rows.map(({ orderId, version, type, position, status, error, at }) => ({
        orderId,
        version,
        type,
        position,
        status,
        ...(error === undefined ? {} : { error }),
        at,
      }));
      return await reply.send({ data, ...(last && { nextCursor: String(last.position) }) });
    },
  );
}
