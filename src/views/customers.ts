import type { Db } from 'mongodb';
import { Type } from 'typebox';
import { SEALED_IN, type SealedInOrder } from '../sealing/opening.js';
import { FORGOTTEN } from '../order/forget.js';
import type { Order } from '../order/order.js';
import { capturedAmount, refundedAmount } from '../order/view.js';
import { type StoredSum, sumOf } from '../log/views/stored-numbers.js';
import { type AsOf, readView } from '../log/views/read-view.js';
import type { ViewChange } from '../log/views/view.js';
import { type Body, closed, Count, Instant, Money, type ViewQuery, viewQuery } from './query.js';
import type { SummaryFeedView } from './order-feed-view.js';

/** A customer, summarized from its orders. */
const summary = {
  customerId: Type.String(),
  name: Type.String({ description: 'the name in the last order' }),
  orders: Count,
  openOrders: Type.Integer({ description: 'pending or confirmed' }),
  lifetimeValue: Type.Record(Type.String(), Money('minor units'), {
    description: 'captured less refunded, by currency',
  }),
  firstOrderAt: Instant,
  lastOrder: closed({ orderId: Type.String(), createdAt: Instant }),
};

export type CustomerSummary = Body<typeof summary>;

/** The name is from the customer's last order, and is sealed for that order. */
type FoundCustomer = CustomerSummary & SealedInOrder;

interface CustomerDocument {
  readonly _id: string;
  readonly orders: number;
  readonly openOrders: number;
  readonly lifetimeValue?: Readonly<Record<string, StoredSum>>;
  readonly firstOrderAt: string;
  readonly lastOrder: { readonly createdAt: string; readonly orderId: string; readonly name: string };
}

const queries: readonly ViewQuery[] = [
  viewQuery({
    path: '/v1/customers/:customerId',
    summary: "A customer's totals over all orders",
    keys: { customerId: 'id' },
    body: summary,
    notFound: {
      code: 'customer_not_found',
      detail: ({ customerId }) => `There is no order of a customer ${customerId}`,
    },
    run: async (db, { keys: { customerId } }) => await findCustomer(db, customerId),
  }),
];

export const customers: SummaryFeedView = {
  name: 'customers',
  version: 3,
  indexes: [],
  queries,
  fold(event, before, after) {
    const changes: ViewChange[] = [];
    const open = openOrders(after) - openOrders(before);
    const value = lifetimeValue(after) - lifetimeValue(before);
    if (before === undefined) changes.push(ordered(after));
    if (event.type === 'PersonForgotten') changes.push(named(after, AFTER_EVERY_NAME));
    if (open !== 0) changes.push({ id: after.customer.id, add: { openOrders: open } });
    if (value !== 0)
      changes.push({ id: after.customer.id, add: { lifetimeValue: { [after.currency]: BigInt(value) } } });
    return changes;
  },
};

/** Replaces a forgotten name. It sorts after every name, so that `max` keeps it. */
export const AFTER_EVERY_NAME = '\u{10FFFF}';

function ordered(order: Order): ViewChange {
  return {
    add: { orders: 1 },
    min: { firstOrderAt: order.createdAt },
    ...named(order, order.customer.name),
  };
}

/** The change that sets the customer's name, if this order is the customer's last one. */
function named({ customer, orderId, createdAt }: Order, name: string): ViewChange {
  return { id: customer.id, max: { lastOrder: { createdAt, orderId, name } } };
}

function openOrders(order: Order | undefined): number {
  return order?.status === 'pending' || order?.status === 'confirmed' ? 1 : 0;
}

function lifetimeValue(order: Order | undefined): number {
  return order === undefined ? 0 : capturedAmount(order) - refundedAmount(order);
}

/** @returns undefined if the customer has no orders up to the view's position */
export async function findCustomer(
  db: Db,
  customerId: string,
): Promise<{ readonly found: FoundCustomer | undefined; readonly asOf: AsOf }> {
  return await readView<CustomerDocument, FoundCustomer | undefined>(db, customers, async ({ find }) => {
    const [document] = await find({ _id: customerId }).toArray();
    return document && toSummary(document);
  });
}

function toSummary({
  _id,
  lastOrder,
  lifetimeValue: value = {},
  ...counts
}: CustomerDocument): FoundCustomer {
  const { name, orderId, createdAt } = lastOrder;
  const sums = Object.fromEntries(Object.entries(value).map(([currency, sum]) => [currency, sumOf(sum)]));
  return {
    customerId: _id,
    name: name === AFTER_EVERY_NAME ? FORGOTTEN : name,
    ...counts,
    lifetimeValue: sums,
    lastOrder: { orderId, createdAt },
    [SEALED_IN]: orderId,
  };
}
