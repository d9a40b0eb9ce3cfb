import type { Db, IndexDescription } from 'mongodb';
import { isSealed } from '../sealing/seal.js';
import { keyStoreOf } from '../sealing/key-store/key-store-of.js';
import { hasRoomForFacts } from '../order/received-facts.js';
import { type Order, isFinished } from '../order/order.js';
import { type OrderView, toView } from '../order/view.js';
import type { StateDocument, StateView, Stopped } from '../log/entity-log/state-view.js';
import { type AttentionTimes, attentionIndexes, attentionTimesOf } from './attention-times.js';
import { hasSealedText, personWords } from './person-words.js';
import { searchWords } from './search-words.js';

/**
 * This version has to be raised with every change of `OrderDocument`, `Order` or `evolve`. A new
 * view is then built beside the old one.
 */
export const ORDERS_VERSION = 2;

/**
 * An order in the view: its public shape, the fields that lists filter by, and the state that the
 * next event is folded into.
 */
export type OrderDocument = OrderView &
  AttentionTimes &
  StateDocument<Order> & {
    /** whether no effect is owed; the field's name is persisted */
    readonly settled: boolean;
    readonly skus: readonly string[];
    /**
     * words by which lists find the order (`searchWords`); words of sealed values are in `persons`
     */
    readonly search: readonly string[];
    /** see `personWords`; absent if there are none */
    readonly persons?: readonly string[];
  };

/**
 * A projection to the `OrderView` of an `OrderDocument`, the fields of its `AttentionTimes`, and
 * `stopped`.
 */
export const viewAndAttention = {
  _id: 0,
  settled: 0,
  skus: 0,
  search: 0,
  persons: 0,
  state: 0,
  finished: 0,
  ahead: 0,
  recorder: 0,
} as const;

/** A projection to the argument of `withoutCommandsIfStopped`. */
export const viewAndStopped = {
  ...viewAndAttention,
  owedSince: 0,
  pendingSince: 0,
  unmatchedSince: 0,
} as const;

/** Each index ends with `_id`, for a total order in which a cursor identifies one order. */
const orderIndexes: readonly IndexDescription[] = [
  { key: { createdAt: 1, _id: 1 } },
  { key: { updatedAt: 1, _id: 1 } },
  { key: { total: 1, _id: 1 } },
  { key: { status: 1, createdAt: 1, _id: 1 } },
  { key: { status: 1, updatedAt: 1, _id: 1 } },
  { key: { status: 1, total: 1, _id: 1 } },
  { key: { 'customer.id': 1, createdAt: 1, _id: 1 } },
  { key: { skus: 1, createdAt: 1, _id: 1 } },
  { key: { tags: 1, createdAt: 1, _id: 1 } },
  { key: { search: 1, createdAt: 1, _id: 1 } },
  { key: { persons: 1, createdAt: 1, _id: 1 }, partialFilterExpression: { persons: { $exists: true } } },
  { key: { paymentStatus: 1, createdAt: 1, _id: 1 } },
  { key: { fulfillmentStatus: 1, createdAt: 1, _id: 1 } },
  { key: { held: 1, createdAt: 1, _id: 1 }, partialFilterExpression: { held: true } },
  ...attentionIndexes,
  { key: { finished: 1, _id: 1 }, partialFilterExpression: { finished: false } },
  // This index finds parcels with a booked label that are on their way. It is partial, because most
  // orders have no label.
  {
    key: { 'state.shipments.label.status': 1, 'state.shipments.status': 1, _id: 1 },
    partialFilterExpression: { 'state.shipments.label.status': 'booked' },
  },
];

/** The state view `orders`, which is written whenever events are recorded. */
export const ordersStateView: StateView<Order> = {
  collection: 'orders',
  version: ORDERS_VERSION,
  indexes: orderIndexes,
  toDocument,
  extra: { members: ['persons'], compute: wordsOfPersons },
};

export function orders(db: Db) {
  return db.collection<OrderDocument>('orders');
}

/**
 * Whether the order has room for another waiting fact, by its view, which may lag. True if there is
 * no view.
 */
export async function hasRoomForFactsInView(db: Db, orderId: string): Promise<boolean> {
  const projection = { _id: 0, 'state.facts': 1 };
  const view = await orders(db).findOne<Pick<OrderDocument, 'state'>>({ _id: orderId }, { projection });
  return view === null || hasRoomForFacts(view.state);
}

/** The id of an order's customer, by the order's view; undefined if there is no view. */
export async function customerInView(db: Db, orderId: string): Promise<string | undefined> {
  const projection = { _id: 0, 'customer.id': 1 };
  const view = await orders(db).findOne<Pick<OrderDocument, 'customer'>>({ _id: orderId }, { projection });
  return view?.customer.id;
}

/** The order in its view, which may lag; undefined if there is no view. */
export async function orderInView(db: Db, orderId: string): Promise<Order | undefined> {
  const projection = { _id: 0, state: 1 };
  return (await orders(db).findOne<Pick<OrderDocument, 'state'>>({ _id: orderId }, { projection }))?.state;
}

/** A view, and whether its order has stopped. */
export type ViewAndStopped = OrderView & Pick<OrderDocument, 'stopped'>;

/** The view as clients see it: an order that has stopped offers no command. */
export function withoutCommandsIfStopped({ stopped, ...view }: ViewAndStopped): OrderView {
  return stopped === undefined ? view : withoutCommands(view, stopped);
}

/** The view with every command blocked, with cause and remedy as the reason. */
export function withoutCommands(
  view: OrderView,
  { detail, remedy }: Pick<Stopped, 'detail' | 'remedy'>,
): OrderView {
  const reason = `${detail}: ${remedy}`;
  return {
    ...view,
    shipments: view.shipments.map((shipment) => ({ ...shipment, allowedCommands: [] })),
    returns: view.returns.map((entry) => ({ ...entry, allowedCommands: [] })),
    allowedCommands: [],
    blockedCommands: Object.fromEntries(
      [...view.allowedCommands, ...Object.keys(view.blockedCommands)].map((command) => [command, reason]),
    ),
  };
}

/**
 * The search words of an order's sealed values.
 *
 * @throws MongoError if the key store is unavailable
 */
async function wordsOfPersons(db: Db, order: Order): Promise<Pick<OrderDocument, 'persons'>> {
  const words = hasSealedText(order) ? await personWords(keyStoreOf(db), order) : [];
  return words.length === 0 ? {} : { persons: words };
}

/**
 * The order's document in the view, without `persons`, because that needs the key store
 * (`wordsOfPersons`).
 */
export function toDocument(order: Order): OrderDocument {
  const { orderId, customer, lines, tags } = order;
  const plain = [customer.name, customer.email].filter((text) => text !== undefined && !isSealed(text));
  const texts = [orderId, customer.id, ...plain, ...tags];
  return {
    ...toView(order),
    _id: orderId,
    ...attentionTimesOf(order),
    settled: order.owed.length === 0,
    finished: isFinished(order),
    skus: lines.map((line) => line.sku),
    search: searchWords([...texts, ...lines.flatMap((line) => [line.sku, line.name])]),
    state: order,
  };
}
