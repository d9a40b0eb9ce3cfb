import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FollowUpCommand } from '../../order/commands.js';
import { problem } from '../problem.js';
import { closed, Id, OrderPath } from '../schemas.js';
import type { Http } from '../server.js';
import type { OrderViews } from '../../views/cache/order-views.js';
import { answer } from './answers.js';
import type { Gateway } from './gateway.js';
import { metaOf, preferencesOf } from './request.js';
import * as schemas from './schemas.js';

export interface OrderCommandDeps {
  readonly gateway: Gateway;
  /** waited for, never written */
  readonly views: Pick<OrderViews, 'reach'>;
}

const ShipmentPath = closed({ orderId: Id, shipmentId: Id });
const ReturnPath = closed({ orderId: Id, returnId: Id });

/** Every command to an order, by its path. */
export function registerOrderCommands(app: Http, { gateway, views }: OrderCommandDeps): void {
  /** Sends a command to an order that exists, and answers as the request asks for. */
  async function follow(
    request: FastifyRequest<{ Params: { orderId: string }; Querystring: CommandQuery }>,
    reply: FastifyReply,
    command: FollowUpCommand,
  ): Promise<FastifyReply> {
    const preferences = preferencesOf(request);
    const send = preferences.respondAsync ? 'signal' : 'execute';
    const result = await gateway[send](request.params.orderId, command, metaOf(request));
    return await answer(views, reply, 200, result, { ...preferences, projected: isProjected(request.query) });
  }

  app.post(
    '/v1/orders',
    {
      config: { work: 'create' },
      schema: {
        summary: 'Create an order',
        description:
          'Amounts are in minor units. The order is durable when this answers, whatever else is down.',
        tags,
        headers: schemas.CreateHeaders,
        querystring: schemas.CommandQuery,
        body: schemas.CreateOrder,
        response: { 201: schemas.CommandAnswer, 202: schemas.Accepted, ...refusals },
      },
    },
    async (request, reply) => {
      const preferences = preferencesOf(request);
      const { id, ...order } = request.body;
      const result = await gateway.create(id, order, metaOf(request));
      return await answer(views, reply, 201, result, {
        ...preferences,
        projected: isProjected(request.query),
      });
    },
  );
  app.post(
    '/v1/orders/:orderId/hold',
    { schema: { ...followUp('Hold: nothing is shipped until it is released'), body: schemas.Reason } },
    async (request, reply) => follow(request, reply, { type: 'HoldOrder', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/release',
    { schema: { ...followUp('Release from a hold'), body: schemas.Nothing } },
    async (request, reply) => follow(request, reply, { type: 'ReleaseOrder', data: {} }),
  );
  app.post(
    '/v1/orders/:orderId/cancel',
    { schema: { ...followUp('Cancel what is not dispatched'), body: schemas.Reason } },
    async (request, reply) => follow(request, reply, { type: 'CancelOrder', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/amend',
    { schema: { ...followUp('Change lines or address, before any shipment'), body: schemas.AmendOrder } },
    async (request, reply) => follow(request, reply, { type: 'AmendOrder', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/shipments',
    {
      schema: { ...followUp('Create a shipment, of all that is left or some'), body: schemas.CreateShipment },
    },
    async (request, reply) => follow(request, reply, { type: 'CreateShipment', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/shipments/:shipmentId/dispatch',
    {
      schema: {
        ...followUp('A shipment leaves: its part is captured'),
        params: ShipmentPath,
        body: schemas.DispatchShipment,
      },
    },
    async (request, reply) => {
      const { shipmentId } = request.params;
      return await follow(request, reply, {
        type: 'DispatchShipment',
        data: { shipmentId, ...request.body },
      });
    },
  );
  app.post(
    '/v1/orders/:orderId/shipments/:shipmentId/deliver',
    { schema: { ...followUp('A shipment has arrived'), params: ShipmentPath, body: schemas.Nothing } },
    async (request, reply) => {
      const { shipmentId } = request.params;
      return await follow(request, reply, { type: 'DeliverShipment', data: { shipmentId } });
    },
  );
  app.post(
    '/v1/orders/:orderId/capture',
    { schema: { ...followUp('Try a declined capture again'), body: schemas.CapturePayment } },
    async (request, reply) => follow(request, reply, { type: 'CapturePayment', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/write-off',
    { schema: { ...followUp('Give a declined capture up'), body: schemas.Reason } },
    async (request, reply) => follow(request, reply, { type: 'WriteOffCapture', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/returns',
    { schema: { ...followUp('Announce a return of delivered goods'), body: schemas.RequestReturn } },
    async (request, reply) => follow(request, reply, { type: 'RequestReturn', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/returns/:returnId/receive',
    {
      schema: {
        ...followUp('Returned goods are back: they are restocked and refunded'),
        params: ReturnPath,
        body: schemas.Nothing,
      },
    },
    async (request, reply) => {
      const { returnId } = request.params;
      return await follow(request, reply, { type: 'ReceiveReturn', data: { returnId } });
    },
  );
  app.post(
    '/v1/orders/:orderId/refunds',
    { schema: { ...followUp('Refund, as goodwill'), body: schemas.RefundPayment } },
    async (request, reply) => follow(request, reply, { type: 'RefundPayment', data: request.body }),
  );
  app.post(
    '/v1/orders/:orderId/notes',
    { schema: { ...followUp('Add a note'), body: schemas.AddNote } },
    async (request, reply) => follow(request, reply, { type: 'AddNote', data: request.body }),
  );
}

interface CommandQuery {
  readonly consistency?: 'projected';
}

function isProjected({ consistency }: CommandQuery): boolean {
  return consistency === 'projected';
}

const tags = ['commands'];

const refusals = {
  400: problem(400),
  409: problem(409),
  413: problem(413),
  415: problem(415),
  422: problem(422),
  503: problem(503),
};

/** What the schemas of all commands to an order that exists have in common. */
function followUp(summary: string) {
  return {
    summary,
    tags,
    headers: schemas.CommandHeaders,
    querystring: schemas.CommandQuery,
    params: OrderPath,
    response: {
      200: schemas.CommandAnswer,
      202: schemas.Accepted,
      404: problem(404),
      412: problem(412),
      ...refusals,
    },
  };
}
