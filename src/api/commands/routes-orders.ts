import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type FollowUpCommand, type FollowUpType, followUpTypes, partOf } from '../../order/commands.js';
import type { CachedOrders } from '../../views/cache/cached-orders.js';
import { needScope } from '../access/guard.js';
import { problemResponses } from '../problem.js';
import * as schemas from '../schemas/command.js';
import { closed, Id, OrderPath } from '../schemas/values.js';
import type { Http } from '../http.js';
import { answer } from './answers.js';
import { bodyParts } from './body-parts.js';
import type { CommandEntry } from './entry.js';
import type { Gateway, OrderBody } from './gateway/gateway.js';
import { metaOf, preferencesOf } from './request.js';
import { commands, routeOf } from './table.js';

export interface OrderCommandDeps {
  readonly gateway: Gateway;
  /** the views that an answer may wait for */
  readonly cachedOrders: Pick<CachedOrders, 'reach'>;
}

/** Registers a route for every command in the table. */
export function registerOrderCommands(app: Http, deps: OrderCommandDeps): void {
  registerCreate(app, deps);
  for (const type of followUpTypes) registerFollowUp(app, type, deps);
}

function registerCreate(app: Http, { gateway, cachedOrders }: OrderCommandDeps): void {
  const entry = commands.CreateOrder;
  app.post(
    routeOf('CreateOrder'),
    {
      config: { access: entry.scope, work: ({ query }) => (isPreview(query) ? 'history' : 'create') },
      schema: {
        ...operation(entry),
        headers: schemas.CreateHeaders,
        querystring: schemas.CommandQuery,
        body: entry.body(bodyParts),
        response: { 200: schemas.Preview, 201: schemas.CommandAnswer, 202: schemas.Accepted, ...refusals },
      },
    },
    async (request, reply) => {
      const preferences = preferencesOf(request);
      // The body was checked. The table's type ensures that its schema describes this data.
      const { id, ...order } = request.body as OrderBody & { readonly id?: string };
      const create = wantsPreview(request) ? 'previewCreate' : 'create';
      const result = await gateway[create](id, order, metaOf(request));
      const projected = request.query.consistency === 'projected';
      return await answer(cachedOrders, reply, 201, result, { ...preferences, projected });
    },
  );
}

/** The route of a command to an order that exists. */
function registerFollowUp(app: Http, type: FollowUpType, { gateway, cachedOrders }: OrderCommandDeps): void {
  const entry = commands[type];
  app.post(
    routeOf(type),
    {
      config: { access: entry.scope, work: ({ query }) => (isPreview(query) ? 'history' : 'command') },
      schema: {
        ...operation(entry),
        headers: schemas.CommandHeaders,
        querystring: schemas.CommandQuery,
        params: paths[partOf(type) ?? 'order'],
        body: entry.body(bodyParts),
        response: {
          200: Type.Union([schemas.CommandAnswer, schemas.Preview]),
          202: schemas.Accepted,
          ...problemResponses(404, 412),
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const preferences = preferencesOf(request);
      const { orderId, ...ids } = request.params;
      // The body was checked. The table's type ensures that its schema describes this data.
      const command = { type, data: { ...ids, ...(request.body as object) } } as FollowUpCommand;
      const sent = preferences.respondAsync ? 'signal' : 'execute';
      const send = wantsPreview(request) ? 'preview' : sent;
      const result = await gateway[send](orderId, command, metaOf(request));
      const projected = request.query.consistency === 'projected';
      return await answer(cachedOrders, reply, 200, result, { ...preferences, projected });
    },
  );
}

const paths = {
  order: OrderPath,
  shipment: closed({ orderId: Id, shipmentId: Id }),
  return: closed({ orderId: Id, returnId: Id }),
};

/**
 * Whether a preview is asked for.
 *
 * @throws HttpProblem 403 for a preview if the caller lacks `orders:read`, because a preview shows
 *   the whole order
 */
function wantsPreview(request: Pick<FastifyRequest, 'query' | 'principal'>): boolean {
  if (!isPreview(request.query)) return false;
  needScope(request, 'orders:read');
  return true;
}

function isPreview(query: unknown): boolean {
  return (query as { readonly preview?: unknown }).preview === 'true';
}

function operation({ summary, description }: CommandEntry) {
  return {
    summary,
    ...(description === undefined ? {} : { description }),
    tags: ['commands'],
  };
}

const refusals = problemResponses(400, 409, 413, 415, 422, 503);
