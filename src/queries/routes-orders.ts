import type { FastifyReply } from 'fastify';
import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { readJournal } from '../event-log/journal.js';
import { HttpProblem, problem } from '../platform/http-problem.js';
import { Amount, closed, Id, Name, OrderPath, Sku, Tag, Time, Version } from '../platform/http-schemas.js';
import type { Http } from '../platform/http.js';
import { awaitOrder } from '../projections/await-order.js';
import type { Cursors } from './cursor.js';
import { listOrders, sorts } from './list-orders.js';
import type { FoundOrder, OrderReader } from './order-reader.js';
import { Event, Order, page } from './schemas.js';

export interface OrderQueryDeps {
  readonly db: Db;
  readonly reader: OrderReader;
  readonly cursors: Cursors;
}

const VERSION_WITHIN_MS = 5_000;
const tags = ['queries'];

export function registerOrderQueries(app: Http, { db, reader, cursors }: OrderQueryDeps): void {
  app.get(
    '/v1/orders/:orderId',
    {
      schema: {
        summary: 'An order as it is',
        description:
          'From its view; where that is missing or MongoDB is away, from its workflow or its history (`Served-By`).',
        tags,
        headers: Type.Object({ 'if-none-match': Type.Optional(Type.String()) }),
        params: OrderPath,
        querystring: closed({
          consistency: Type.Optional(Type.Enum(['strong'], { description: 'ask the workflow itself' })),
          minVersion: Type.Optional(Version),
        }),
        response: {
          200: Order,
          304: { description: 'Not Modified', type: 'null' },
          400: problem(400),
          404: problem(404),
          503: problem(503),
        },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const { consistency, minVersion = 1 } = request.query;
      const read = consistency === 'strong' ? 'readStrong' : 'read';
      let found = await reader[read](orderId);
      if (found !== undefined && found.order.version < minVersion) {
        await awaitOrder(db, orderId, ({ version }) => version >= minVersion, VERSION_WITHIN_MS);
        found = await reader[read](orderId);
      }
      if (found === undefined) throw notFound(orderId);
      if (found.order.version < minVersion) throw behind(found, minVersion);
      const etag = `"${found.order.version}"`;
      reply.header('etag', etag).header('cache-control', 'no-cache').header('served-by', found.servedBy);
      if (names(request.headers['if-none-match'], etag)) return await notModified(reply);
      return await reply.send(found.order);
    },
  );

  app.get(
    '/v1/orders',
    {
      schema: {
        summary: 'Orders, filtered and sorted',
        description:
          'Every filter that is given must hold. Pass `nextCursor` on as `cursor`, with the same filters and sort.',
        tags,
        querystring: closed({
          status: Type.Optional(
            Type.Enum(['pending', 'confirmed', 'completed', 'rejected', 'cancelled', 'expired']),
          ),
          customerId: Type.Optional(Id),
          sku: Type.Optional(Sku),
          tag: Type.Optional(Tag),
          q: Type.Optional(Name),
          'createdAt[gt]': Type.Optional(Time),
          'createdAt[gte]': Type.Optional(Time),
          'createdAt[lt]': Type.Optional(Time),
          'createdAt[lte]': Type.Optional(Time),
          'updatedAt[gt]': Type.Optional(Time),
          'updatedAt[gte]': Type.Optional(Time),
          'updatedAt[lt]': Type.Optional(Time),
          'updatedAt[lte]': Type.Optional(Time),
          'total[gt]': Type.Optional(Amount),
          'total[gte]': Type.Optional(Amount),
          'total[lt]': Type.Optional(Amount),
          'total[lte]': Type.Optional(Amount),
          sort: Type.Optional(Type.Enum([...sorts], { default: '-createdAt' })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
          cursor: Type.Optional(Type.String({ maxLength: 500 })),
        }),
        response: { 200: page(Order), 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => await reply.send(await listOrders(db, cursors, request.query)),
  );

  app.get(
    '/v1/orders/:orderId/events',
    {
      schema: {
        summary: 'The log of an order',
        description: 'From the journal, or from the workflow history. Pass `nextCursor` on as `after`.',
        tags,
        params: OrderPath,
        querystring: closed({
          source: Type.Optional(Type.Enum(['journal', 'history'], { default: 'journal' })),
          after: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER - 1 })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 200 })),
        }),
        response: { 200: page(Event), 400: problem(400), 404: problem(404), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { orderId } = request.params;
      const { source = 'journal', after = 0, limit = 200 } = request.query;
      const events =
        source === 'journal'
          ? await readJournal(db, orderId, { from: after + 1, limit: limit + 1 })
          : (await historyOf(orderId)).filter((event) => event.version > after);
      if (events.length === 0 && (await reader.read(orderId)) === undefined) throw notFound(orderId);
      const data = events.slice(0, limit);
      const last = data.at(-1);
      const isLastPage = events.length <= limit || last === undefined;
      return await reply.send({ data, ...(isLastPage ? {} : { nextCursor: String(last.version) }) });
    },
  );

  async function historyOf(orderId: string) {
    const log = await reader.readHistory(orderId);
    return log === undefined || log.isForecast ? [] : log.events;
  }
}

function notFound(orderId: string): HttpProblem {
  return new HttpProblem(404, 'order_not_found', `There is no order ${orderId}.`);
}

function behind({ order }: FoundOrder, minVersion: number): HttpProblem {
  const detail = `The order is at version ${order.version}, not yet at ${minVersion}. Try again soon.`;
  return new HttpProblem(503, 'version_not_reached', detail, { version: order.version });
}

/** Whether an `If-None-Match` holds the tag, compared weakly (RFC 9110, 13.1.2). */
function names(ifNoneMatch: string | undefined, etag: string): boolean {
  const given = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return given.includes(etag) || given.includes('*');
}

function notModified(reply: FastifyReply): FastifyReply {
  return reply.code(304).send();
}
