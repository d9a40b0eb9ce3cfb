import { Type } from 'typebox';
import { deliveryAnswer } from '../../delivery/webhooks/delivery-log.js';
import { replayFrom, retryDelivery, sendTest } from '../../delivery/webhooks/operator-actions.js';
import { feedEnd } from '../../log/feed/feed.js';
import { committedInTime } from '../../mongodb/durability.js';
import { orderLog } from '../../order-log.js';
import type { Http } from '../http.js';
import { HttpProblem } from '../problem.js';
import { CreateHeaders } from '../schemas/command.js';
import { DeliveryAnswer, EndpointPath, endpointTags } from '../schemas/endpoint.js';
import { closed, EventId, Id, Position, Time } from '../schemas/values.js';
import { readEndpoint } from './endpoint-gateway.js';
import {
  type EndpointDeps,
  endpointPath,
  endpointRefusals,
  refuseAfterHead,
  webhooksWrite,
} from './endpoint-requests.js';

/** Delivers what an operator requests: a test message, the feed again, or one event again. */
export function registerDeliveries(app: Http, deps: EndpointDeps): void {
  testRoute(app, deps);
  replayRoute(app, deps);
  retryRoute(app, deps);
}

function testRoute(app: Http, { db, endpoints }: EndpointDeps): void {
  app.post(
    `${endpointPath}/test`,
    {
      config: webhooksWrite,
      schema: {
        summary: 'Send an endpoint a test message now',
        description:
          'Of type `webhook.test.v1`, once, also to a disabled endpoint. The answer has the result.',
        tags: endpointTags,
        headers: CreateHeaders,
        params: EndpointPath,
        body: closed({}),
        response: { 200: DeliveryAnswer, ...endpointRefusals },
      },
    },
    async (request, reply) => {
      const { secrets, sender } = endpoints;
      const {
        orderId: endpointId,
        url,
        secretIds,
      } = await readEndpoint(endpoints.databases, request.params.endpointId);
      const receiver = { endpointId, url, secrets: await secrets.read(secretIds) };
      // Frees the request's slot, because all that remains is waiting.
      request.leave();
      return await reply.send(deliveryAnswer(await sendTest(db, sender, receiver)));
    },
  );
}

function replayRoute(app: Http, { db, endpoints }: EndpointDeps): void {
  app.post(
    `${endpointPath}/replay`,
    {
      config: webhooksWrite,
      schema: {
        summary: 'Deliver the feed again, from a position or a time',
        description: 'Events after the position, or that were recorded at this time or later.',
        tags: endpointTags,
        headers: CreateHeaders,
        params: EndpointPath,
        body: closed({ after: Type.Optional(Position), from: Type.Optional(Time) }),
        response: {
          200: closed({ endpointId: Type.String(), generation: Type.Integer(), after: Type.Integer() }),
          ...endpointRefusals,
        },
      },
    },
    async (request, reply) => {
      const { after, from } = request.body;
      if ((after === undefined) === (from === undefined))
        throw new HttpProblem(422, 'replay_place', 'Say either after (a position) or from (a time).');
      const { generations, head } = await feedEnd(orderLog, db, committedInTime);
      refuseAfterHead(after, head);
      const endpoint = await readEndpoint(endpoints.databases, request.params.endpointId);
      const start = after ?? { from: new Date(from ?? '').toISOString(), head };
      const position = await replayFrom(db, endpoint, generations, start);
      const { generation } = generations.current;
      return await reply.send({ endpointId: endpoint.orderId, generation, after: position });
    },
  );
}

function retryRoute(app: Http, { db, endpoints }: EndpointDeps): void {
  app.post(
    `${endpointPath}/deliveries/:eventId/retry`,
    {
      config: webhooksWrite,
      schema: {
        summary: 'Deliver one event now: one that waits, is parked, or was delivered before',
        tags: endpointTags,
        headers: CreateHeaders,
        params: closed({ endpointId: Id, eventId: EventId }),
        body: closed({}),
        response: { 202: closed({ endpointId: Type.String(), eventId: Type.String() }), ...endpointRefusals },
      },
    },
    async (request, reply) => {
      const { endpointId, eventId } = request.params;
      await readEndpoint(endpoints.databases, endpointId);
      if (!(await retryDelivery(db, endpointId, eventId)))
        throw new HttpProblem(404, 'event_not_found', `The feed has no event ${eventId}.`);
      return await reply.code(202).send({ endpointId, eventId });
    },
  );
}
