import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { orderStatuses } from '../../order/order.js';
import type { CachedOrders } from '../../views/cache/cached-orders.js';
import { queryWords } from '../../views/search-words.js';
import type { PersonalDataAtEdge } from '../access/personal-data.js';
import type { Http } from '../http.js';
import { problemResponses } from '../problem.js';
import { Order } from '../schemas/order.js';
import { MAX_SHORT_PAGE } from '../schemas/page-limits.js';
import { orderSorts } from '../schemas/order-sorts.js';
import { CursorParameter, limitParameter, pageSchema } from '../schemas/paging.js';
import { Amount, closed, Id, Name, Sku, Tag, Time } from '../schemas/values.js';
import type { Cursors } from './cursor.js';
import { listOrders } from './list-orders.js';

export interface OrderListDeps {
  readonly db: Db;
  readonly cachedOrders: Pick<CachedOrders, 'seen'>;
  readonly cursors: Cursors;
  readonly attentionAfterMs: number;
  readonly personalData: PersonalDataAtEdge;
}

const OrderListParameters = closed({
  status: Type.Optional(Type.Enum([...orderStatuses])),
  paymentStatus: Type.Optional(Order.properties.paymentStatus),
  fulfillmentStatus: Type.Optional(Order.properties.fulfillmentStatus),
  held: Type.Optional(Type.Enum(['true', 'false'])),
  attention: Type.Optional(
    Type.Enum(['true', 'false'], { description: 'whether it is in GET /v1/attention' }),
  ),
  customerId: Type.Optional(Id),
  sku: Type.Optional(Sku),
  tag: Type.Optional(Tag),
  q: Type.Optional(
    Type.String({
      ...Name,
      description:
        'words; each is the beginning of a word in ids, tags or goods, or, with `persons:read`, a whole word of the name or the e-mail address; case, accents and punctuation are ignored',
    }),
  ),
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
  sort: Type.Optional(Type.Enum([...orderSorts], { default: '-createdAt' })),
  limit: limitParameter(MAX_SHORT_PAGE, 50),
  cursor: CursorParameter,
});

/** Serves lists of orders, filtered and sorted. */
export function registerOrderList(
  app: Http,
  { db, cachedOrders, cursors, attentionAfterMs, personalData }: OrderListDeps,
): void {
  app.get(
    '/v1/orders',
    {
      config: { access: 'orders:read', work: 'list' },
      schema: {
        summary: 'Orders, filtered and sorted',
        description:
          'Every filter that is given must hold. Pass `nextCursor` on as `cursor`, with the same filters and sort.',
        tags: ['queries'],
        querystring: OrderListParameters,
        response: { 200: pageSchema(Order), ...problemResponses(400, 503) },
      },
    },
    async (request, reply) => {
      const hashes = await personalData.search(request, reply, queryWords(request.query.q ?? ''));
      const list = await listOrders(db, cursors, request.query, attentionAfterMs, hashes);
      for (const { orderId, version } of list.data) cachedOrders.seen(orderId, version);
      return await reply.send(list);
    },
  );
}
