import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { deliveryAnswer, listDeliveries } from '../../delivery/webhooks/delivery-log.js';
import { endpointViews } from '../../delivery/webhooks/endpoints.js';
import { committedInTime } from '../../mongodb/durability.js';
import { endpointAnswer, noEndpoint } from '../schemas/endpoint-answer.js';
import { DeliveryAnswer, EndpointAnswer, EndpointPath, endpointTags } from '../schemas/endpoint.js';
import { problemResponses } from '../problem.js';
import { MAX_SHORT_PAGE } from '../schemas/page-limits.js';
import { limitParameter } from '../schemas/paging.js';
import { closed, Time } from '../schemas/values.js';
import type { Http } from '../http.js';

const optional = Type.Optional;
const config = { access: 'webhooks:write' } as const;

/** Serves the endpoints of webhooks, and the attempts to deliver to them. */
export function registerEndpointQueries(app: Http, db: Db): void {
  listRoute(app, db);
  endpointRoute(app, db);
  deliveriesRoute(app, db);
}

function listRoute(app: Http, db: Db): void {
  app.get(
    '/v1/webhook-endpoints',
    {
      config: { ...config, work: 'list' },
      schema: {
        summary: 'The webhook endpoints that are not deleted',
        tags: endpointTags,
        response: { 200: closed({ data: Type.Array(EndpointAnswer) }), ...problemResponses(503) },
      },
    },
    async (_request, reply) => {
      const found = await endpointViews(db)
        .find({ finished: false }, committedInTime)
        .sort({ _id: 1 })
        .toArray();
      return await reply.send({ data: found.map(({ state }) => endpointAnswer(state)) });
    },
  );
}

function endpointRoute(app: Http, db: Db): void {
  app.get(
    '/v1/webhook-endpoints/:endpointId',
    {
      config,
      schema: {
        summary: 'A webhook endpoint',
        tags: endpointTags,
        params: EndpointPath,
        response: { 200: EndpointAnswer, ...problemResponses(400, 404, 503) },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const found = await endpointViews(db).findOne({ _id: endpointId }, committedInTime);
      if (found === null) throw noEndpoint(endpointId);
      return await reply.header('etag', `"${found.version}"`).send(endpointAnswer(found.state));
    },
  );
}

function deliveriesRoute(app: Http, db: Db): void {
  app.get(
    '/v1/webhook-endpoints/:endpointId/deliveries',
    {
      config: { ...config, work: 'list' },
      schema: {
        summary: 'The attempts to deliver, of the last 30 days, the newest first',
        description:
          'To read on, send the `at` of the last one as `before`. A page may have a few more than `limit`: it has all of its last millisecond.',
        tags: endpointTags,
        params: EndpointPath,
        querystring: closed({
          event: optional(
            Type.String({ maxLength: 100, description: 'the `webhook-id` of an event or a test message' }),
          ),
          before: optional(Time),
          limit: limitParameter(MAX_SHORT_PAGE, 50),
        }),
        response: { 200: closed({ data: Type.Array(DeliveryAnswer) }), ...problemResponses(400, 503) },
      },
    },
    async (request, reply) => {
      const { endpointId } = request.params;
      const { event: eventId, before, limit = 50 } = request.query;
      const found = await listDeliveries(db, endpointId, {
        limit,
        eventId,
        before: before === undefined ? undefined : new Date(before),
      });
      return await reply.send({ data: found.map(deliveryAnswer) });
    },
  );
}
