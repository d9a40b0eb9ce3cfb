import type { Db, Filter } from 'mongodb';
import type { OrderStatus } from '../../order/order.js';
import type { FulfillmentStatus, OrderView, PaymentStatus } from '../../order/view.js';
import { attentionFilters } from '../../attention/sources/orders.js';
import { ago } from '../../log/time.js';
import { committedInTime } from '../../mongodb/durability.js';
import { withTimeout } from '../../outages/timeout.js';
import {
  viewAndStopped,
  type OrderDocument,
  orders,
  withoutCommandsIfStopped,
  type ViewAndStopped,
} from '../../views/orders.js';
import { queryWords } from '../../views/search-words.js';
import type { Cursors } from './cursor.js';
import type { orderSorts } from '../schemas/order-sorts.js';
import { pageOf } from '../schemas/paging.js';
import { toInstant } from './query-parameters.js';

export const bounds = ['gt', 'gte', 'lt', 'lte'] as const;

type Bound = (typeof bounds)[number];

/** The query parameters of a list of orders. An order has to match every filter that is given. */
export interface OrderListQuery
  extends
    Readonly<Partial<Record<`createdAt[${Bound}]` | `updatedAt[${Bound}]`, string>>>,
    Readonly<Partial<Record<`total[${Bound}]`, number>>> {
  readonly status?: OrderStatus;
  readonly paymentStatus?: PaymentStatus;
  readonly fulfillmentStatus?: FulfillmentStatus;
  readonly held?: 'true' | 'false';
  /** whether an order needs an operator */
  readonly attention?: 'true' | 'false';
  readonly customerId?: string;
  readonly sku?: string;
  readonly tag?: string;
  /**
   * words; each must begin a word of the order (`searchWords`), or be a whole word of its
   * customer's name or e-mail address (`personWords`)
   */
  readonly q?: string;
  readonly sort?: (typeof orderSorts)[number];
  readonly limit?: number;
  readonly cursor?: string;
}

export interface OrderList {
  readonly data: readonly OrderView[];
  readonly nextCursor?: string;
}

/** The hash of each word (`personWords`). */
type Hashes = ReadonlyMap<string, string>;

const DEFAULT_LIMIT = 50;
const READ_WITHIN_MS = 4_000;

/**
 * One page of the orders that match, in the given sort and then by id.
 *
 * @param hashes the hashes of the words in `q`, by which sealed values are found
 */
export async function listOrders(
  db: Db,
  cursors: Cursors,
  query: OrderListQuery,
  attentionAfterMs: number,
  hashes: Hashes = new Map(),
): Promise<OrderList> {
  const { limit = DEFAULT_LIMIT } = query;
  const { filter, sort, field, list } = toFind(cursors, query, attentionAfterMs, hashes);
  const matching = orders(db)
    .find(filter, committedInTime)
    .sort(sort)
    .limit(limit + 1)
    // Reads the page in one batch: a rebuild may replace the collection, and then an open cursor
    // fails.
    .batchSize(limit + 2)
    .project<ViewAndStopped>(viewAndStopped)
    .map(withoutCommandsIfStopped);
  const found = await withTimeout(READ_WITHIN_MS, matching.toArray());
  const { data, last } = pageOf(found, limit);
  return { data, ...(last && { nextCursor: cursors.write(list, [last[field], last.orderId]) }) };
}

/**
 * The filter and the sort of `find` for a query. Values cannot contain operators of MongoDB,
 * because the schema allows only strings and numbers.
 */
export function toFind(
  cursors: Cursors,
  { sort = '-createdAt', limit: _limit, cursor, ...filters }: OrderListQuery,
  attentionAfterMs: number,
  hashes: Hashes = new Map(),
) {
  const descending = sort.startsWith('-');
  const field = sortFields[sort];
  const list = [sort, Object.entries(filters).toSorted(([a], [b]) => (a < b ? -1 : 1))];
  const direction: 1 | -1 = descending ? -1 : 1;
  const conditions = toConditions(filters, ago(attentionAfterMs), hashes);
  if (cursor !== undefined) {
    const [value, orderId] = cursors.read(list, cursor);
    const [beyond, from] = descending ? (['$lt', '$lte'] as const) : (['$gt', '$gte'] as const);
    conditions.push(
      { [field]: { [from]: value } },
      { $or: [{ [field]: { [beyond]: value } }, { _id: { [beyond]: orderId } }] },
    );
  }
  const filter: Filter<OrderDocument> = conditions.length === 0 ? {} : { $and: conditions };
  return { filter, sort: { [field]: direction, _id: direction }, field, list };
}

const sortFields = {
  createdAt: 'createdAt',
  '-createdAt': 'createdAt',
  updatedAt: 'updatedAt',
  '-updatedAt': 'updatedAt',
  total: 'total',
  '-total': 'total',
} as const satisfies Record<(typeof orderSorts)[number], keyof OrderView>;

function toConditions(
  {
    status,
    paymentStatus,
    fulfillmentStatus,
    held,
    attention,
    customerId,
    sku,
    tag,
    q,
    ...ranges
  }: Omit<OrderListQuery, 'sort' | 'limit' | 'cursor'>,
  overdueBefore: string,
  hashes: Hashes,
): Filter<OrderDocument>[] {
  return [
    ...(status === undefined ? [] : [{ status }]),
    ...(paymentStatus === undefined ? [] : [{ paymentStatus }]),
    ...(fulfillmentStatus === undefined ? [] : [{ fulfillmentStatus }]),
    ...(held === undefined ? [] : [{ held: held === 'true' }]),
    ...(attention === undefined
      ? []
      : [{ [attention === 'true' ? '$or' : '$nor']: attentionFilters(overdueBefore) }]),
    ...(customerId === undefined ? [] : [{ 'customer.id': customerId }]),
    ...(sku === undefined ? [] : [{ skus: sku }]),
    ...(tag === undefined ? [] : [{ tags: tag }]),
    ...(q === undefined ? [] : searched(queryWords(q), hashes)),
    ...Object.entries(ranges).map(([name, value]) => {
      const [, field = '', bound = ''] = /^(\w+)\[(\w+)\]$/.exec(name) ?? [];
      return { [field]: { [`$${bound}`]: typeof value === 'string' ? toInstant(name, value) : value } };
    }),
  ];
}

/** `words` is empty if the query has only spaces and punctuation. It then finds nothing. */
function searched(words: readonly string[], hashes: Hashes): Filter<OrderDocument>[] {
  if (words.length === 0) return [{ search: { $in: [] } }];
  return words.map((word) => {
    const inPlain = { search: { $regex: `^${escapeRegExp(word)}` } };
    const hash = hashes.get(word);
    return hash === undefined ? inPlain : { $or: [inPlain, { persons: hash }] };
  });
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
