import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { HttpProblem, problem } from '../problem.js';
import { closed, Currency, Day, Id, StockPath } from '../schemas.js';
import type { Http } from '../server.js';
import { findCustomer } from '../../views/customers.js';
import { listDailyStats } from '../../views/daily-stats.js';
import { findProduct, listProducts } from '../../views/product-demand.js';
import type { Cursors } from './cursor.js';
import { badQuery } from './instant.js';

const Count = Type.Integer();
const exact = 'exact, though it may be more than a number of JavaScript can hold';
const Sum = (description: string) => Type.Unsafe<number | bigint>(Type.Integer({ description }));
const Time = Type.String({ description: 'ISO-8601 UTC' });

const AsOf = closed({
  position: Type.Integer({
    description: 'all events up to this position are in the answer, and none beyond',
  }),
  at: Type.Optional(Time),
});

const Customer = closed({
  customerId: Type.String(),
  name: Type.String({ description: 'as of the last order' }),
  orders: Count,
  openOrders: Type.Integer({ description: 'pending or confirmed' }),
  lifetimeValue: Type.Record(Type.String(), Sum(`minor units; ${exact}`), {
    description: 'captured less refunded, by currency',
  }),
  firstOrderAt: Time,
  lastOrder: closed({ orderId: Type.String(), createdAt: Time }),
  asOf: AsOf,
});

const Milliseconds = Type.Integer({ description: 'milliseconds' });
const DailyStats = closed({
  day: Type.String(),
  currency: Type.String(),
  created: Count,
  confirmed: Count,
  cancelled: Type.Integer({ description: 'as a whole' }),
  rejected: Count,
  expired: Count,
  revenue: Sum(`captured that day, in minor units; ${exact}`),
  refunds: Sum(`paid back that day, in minor units; ${exact}`),
  cancellationRate: Type.Union([Type.Number(), Type.Null()], {
    description: 'the part of the orders created that day that were cancelled as a whole, then or later',
  }),
  timeToConfirm: Type.Union(
    [closed({ average: Milliseconds, shortest: Milliseconds, longest: Milliseconds }), Type.Null()],
    { description: 'of the orders confirmed that day' },
  ),
});

const demand = {
  sku: Type.String(),
  orders: Type.Integer({ description: 'with the product, whatever became of them' }),
  ordered: Type.Integer({ description: 'units; so are the others' }),
  cancelled: Count,
  shipped: Count,
  returned: Count,
};

const Products = closed({
  data: Type.Array(closed(demand)),
  nextCursor: Type.Optional(Type.String({ description: 'absent on the last page' })),
  asOf: AsOf,
});

const LONGEST_RANGE_DAYS = 366;
const DEFAULT_RANGE_DAYS = 30;
const DAY_MS = 86_400_000;
const tags = ['views across orders'];

/** What the views across orders tell. Each answer says how far its view was. */
export function registerViewQueries(
  app: Http,
  { db, cursors }: { readonly db: Db; readonly cursors: Cursors },
): void {
  app.get(
    '/v1/customers/:customerId',
    {
      schema: {
        summary: 'A customer by its orders',
        tags,
        params: closed({ customerId: Id }),
        response: { 200: Customer, 400: problem(400), 404: problem(404), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { customerId } = request.params;
      const { found, asOf } = await findCustomer(db, customerId);
      if (found === undefined) {
        const detail = `There is no order of a customer ${customerId}, up to position ${asOf.position} of the feed.`;
        throw new HttpProblem(404, 'customer_not_found', detail);
      }
      return await reply.send({ ...found, asOf });
    },
  );

  app.get(
    '/v1/stats',
    {
      config: { work: 'list' },
      schema: {
        summary: 'What happened day by day',
        description:
          'Days are UTC, both ends included, a leap year at most; the last thirty by default. Days on which nothing happened are left out.',
        tags,
        querystring: closed({
          from: Type.Optional(Day),
          to: Type.Optional(Day),
          currency: Type.Optional(Currency),
        }),
        response: {
          200: closed({ from: Type.String(), to: Type.String(), data: Type.Array(DailyStats), asOf: AsOf }),
          400: problem(400),
          503: problem(503),
        },
      },
    },
    async (request, reply) => {
      const { currency } = request.query;
      const { from, to } = rangeOf(request.query);
      const { found, asOf } = await listDailyStats(db, {
        from,
        to,
        ...(currency === undefined ? {} : { currency }),
      });
      return await reply.send({ from, to, data: [...found], asOf });
    },
  );

  app.get(
    '/v1/products',
    {
      config: { work: 'list' },
      schema: {
        summary: 'Demand for every product that was ever ordered, by SKU',
        tags,
        querystring: closed({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 200 })),
          cursor: Type.Optional(Type.String({ maxLength: 500 })),
        }),
        response: { 200: Products, 400: problem(400), 503: problem(503) },
      },
    },
    async (request, reply) => {
      const { limit = 200, cursor } = request.query;
      const after = cursor === undefined ? {} : { after: String(cursors.read('products', cursor)[0]) };
      const { found, asOf } = await listProducts(db, { limit: limit + 1, ...after });
      const data = found.slice(0, limit);
      const last = data.at(-1);
      const isLastPage = found.length <= limit || last === undefined;
      const next = isLastPage ? {} : { nextCursor: cursors.write('products', [last.sku]) };
      return await reply.send({ data, ...next, asOf });
    },
  );

  app.get(
    '/v1/products/:sku',
    {
      schema: {
        summary: 'Demand for a product',
        tags,
        params: StockPath,
        response: {
          200: closed({ ...demand, asOf: AsOf }),
          400: problem(400),
          404: problem(404),
          503: problem(503),
        },
      },
    },
    async (request, reply) => {
      const { sku } = request.params;
      const { found, asOf } = await findProduct(db, sku);
      if (found === undefined) {
        const detail = `Nobody has ordered ${sku}, up to position ${asOf.position} of the feed.`;
        throw new HttpProblem(404, 'product_not_found', detail);
      }
      return await reply.send({ ...found, asOf });
    },
  );
}

/** @throws HttpProblem 400 for a day that no calendar has, and for a range that is empty or too long */
function rangeOf(query: { readonly from?: string; readonly to?: string }): { from: string; to: string } {
  const lastDay = query.to === undefined ? undefined : dayOf('to', query.to);
  const firstDay = query.from === undefined ? undefined : dayOf('from', query.from);
  const span = (DEFAULT_RANGE_DAYS - 1) * DAY_MS;
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const to = lastDay ?? Math.max(today, firstDay ?? 0);
  const from = firstDay ?? to - span;
  if (from > to) throw badQuery('from', 'must not be after to');
  if (to - from >= LONGEST_RANGE_DAYS * DAY_MS) {
    throw badQuery(
      'from',
      `must not be more than ${LONGEST_RANGE_DAYS} days before to, which is ${textOf(to)}`,
    );
  }
  return { from: textOf(from), to: textOf(to) };
}

function dayOf(name: 'from' | 'to', text: string): number {
  const time = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(time) || textOf(time) !== text)
    throw badQuery(name, `must be a day of the calendar, not ${text}`);
  return time;
}

function textOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
