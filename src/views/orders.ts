import type { ClientSession, Db, IndexDescription } from 'mongodb';
import type { OrderEvent, StoredEvent } from '../order/events.js';
import { evolve } from '../order/evolve.js';
import { hasRoomForFacts } from '../order/facts.js';
import { type Order, isFinished } from '../order/order.js';
import { upcast } from '../order/upcasters.js';
import { type OrderView, toView } from '../order/view.js';
import { isSealed } from '../access/persons/sealing.js';
import { keysOfDatabase } from '../access/persons/stores.js';
import { committed, durable, isDuplicateKey } from '../log/journal/durability.js';
import { readJournal } from '../log/journal/journal.js';
import { type Concerns, concernIndexes, concernsOf, type Stopped } from './concerns.js';
import type { Cause } from '../log/journal/stops.js';
import { hasSealedPersons, personWords } from './person-words.js';
import { searchWords } from './search-words.js';

/**
 * Raise it with every change of `OrderDocument`, `Order` or `evolve`: the view is then rebuilt
 * beside the old one.
 */
export const ordersVersion = 2;

/**
 * An order in the view: its public shape, the fields that lists filter by, and the state that the
 * next event is folded on.
 */
export type OrderDocument = OrderView &
  Concerns & {
    /** the order's id */
    readonly _id: string;
    /** its workflow has nothing more to do; if false, a workflow must be running */
    readonly finished: boolean;
    /** no effect is owed */
    readonly settled: boolean;
    readonly skus: readonly string[];
    /** see `searchWords`; without the words of persons that are sealed */
    readonly search: readonly string[];
    /** see `personWords`; absent if there are none */
    readonly persons?: readonly string[];
    readonly state: Order;
    /** the highest recorded version after a gap; absent if there is no gap */
    readonly ahead?: number;
    /** why the order does not continue by itself; the next event that is folded removes it */
    readonly stopped?: Stopped;
    /**
     * the recorder or rebuild that wrote it last; a recorder that finds its own name knows the
     * document without reading it
     */
    readonly recorder?: string;
  };

/** A projection to the `OrderView` of an `OrderDocument`, and what concerns a person. */
export const viewAndConcerns = {
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

/** A projection to the argument of `shown`. */
export const onlyShown = { ...viewAndConcerns, owedSince: 0, pendingSince: 0, unmatchedSince: 0 } as const;

/** A projection to the `OrderView` of an `OrderDocument`. */
export const onlyView = { ...onlyShown, stopped: 0 } as const;

/** Each ends with `_id`, so that lists have a total order, and a cursor names one place. */
export const orderIndexes: readonly IndexDescription[] = [
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
  ...concernIndexes,
  { key: { finished: 1, _id: 1 }, partialFilterExpression: { finished: false } },
];

export function orders(db: Db) {
  return db.collection<OrderDocument>('orders');
}

/** Whether an order takes one more fact that does not fit yet, by its view, which may lag. */
export async function hasRoomForFactsInView(db: Db, orderId: string): Promise<boolean> {
  const projection = { _id: 0, 'state.facts': 1 };
  const view = await orders(db).findOne<Pick<OrderDocument, 'state'>>({ _id: orderId }, { projection });
  return view === null || hasRoomForFacts(view.state);
}

/** The customer of an order, by its view; undefined if it has none. */
export async function customerInView(db: Db, orderId: string): Promise<string | undefined> {
  const projection = { _id: 0, 'customer.id': 1 };
  const view = await orders(db).findOne<Pick<OrderDocument, 'customer'>>({ _id: orderId }, { projection });
  return view?.customer.id;
}

/** The ids of all orders that have a view, ascending. */
export function viewedOrders(db: Db): AsyncIterable<string> {
  return orders(db)
    .find({}, { ...committed, projection: { _id: 1 } })
    .sort({ _id: 1 })
    .map(({ _id }) => _id);
}

/** A view, and whether its order has stopped. */
export type ShownView = OrderView & Pick<OrderDocument, 'stopped'>;

/** The view as it is shown: an order that has stopped offers no command. */
export function shown({ stopped, ...view }: ShownView): OrderView {
  return stopped === undefined ? view : withoutCommands(view, stopped);
}

/** The view with every command blocked, with cause and remedy as the reason. */
export function withoutCommands(view: OrderView, { detail, remedy }: Cause): OrderView {
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

const idsInPage = 500;

/**
 * The ids of orders that must have a running workflow, by their views, ascending. Read page by
 * page, so that the caller may take its time with each.
 *
 * @param changedSince ISO-8601 UTC: leaves out orders whose last event is older; all by default
 */
export async function* unfinishedOrders(db: Db, changedSince = ''): AsyncGenerator<string, void> {
  let page: readonly string[];
  let after = '';
  do {
    page = await orders(db)
      .find(
        { finished: false, _id: { $gt: after }, updatedAt: { $gte: changedSince } },
        { ...committed, projection: { _id: 1 } },
      )
      .sort({ _id: 1 })
      .limit(idsInPage)
      .map(({ _id }) => _id)
      .toArray();
    yield* page;
    after = page.at(-1) ?? '';
  } while (page.length === idsInPage);
}

export async function ensureOrderIndexes(db: Db): Promise<void> {
  await orders(db).createIndexes([...orderIndexes]);
}

/**
 * Brings the view of an order up to its journal: folds the contiguous events after the version it
 * has. Any number of callers may do so at once. When it resolves, the view has every contiguous
 * event that the journal held at the call.
 *
 * @param recorder name of the caller, if it remembers the order that is returned
 * @param isNew probably there is no view yet: try to insert one without reading first
 * @returns the order as it is in the view; undefined if the journal lacks its first event
 */
export async function projectOrder(
  db: Db,
  orderId: string,
  { isNew = false, ...options }: Projecting & { readonly isNew?: boolean } = {},
): Promise<Order | undefined> {
  let view = isNew ? null : await look(db, orderId, options);
  for (;;) {
    const advanced = await advance(db, orderId, view, options);
    if (advanced !== undefined) return advanced.order;
    view = await look(db, orderId, options);
  }
}

interface Projecting {
  readonly recorder?: string;
  readonly session?: ClientSession;
}

async function look(db: Db, orderId: string, { session }: Projecting): Promise<Known | null> {
  const projection = { _id: 0, version: 1, state: 1, ahead: 1, recorder: 1 };
  return await orders(db).findOne<Known>(
    { _id: orderId },
    { ...(session && { session }), ...committed, projection },
  );
}

/** One attempt. @returns undefined if the view has changed since it was read */
async function advance(
  db: Db,
  orderId: string,
  view: Known | null,
  { recorder, ...options }: Projecting,
): Promise<{ readonly order: Order | undefined } | undefined> {
  const seen = view?.version ?? 0;
  const recorded = await readJournal(db, orderId, { ...options, from: seen + 1 });
  const order = foldContiguous(view?.state, recorded);
  if (order === undefined) return { order };
  const last = recorded.at(-1)?.version ?? seen;
  const ahead = last > order.version ? last : undefined;
  if (order.version === seen && ahead === view?.ahead) return { order };
  const document = {
    ...(await searchable(db, order)),
    ...(ahead !== undefined && { ahead }),
    ...(recorder !== undefined && { recorder }),
  };
  const isWritten =
    view === null ? await insert(db, document, options) : await replace(db, document, view, options);
  return isWritten ? { order } : undefined;
}

/** The order after these events; undefined if they do not follow it without a gap. */
export function extended(order: Order, events: readonly StoredEvent[]): Order | undefined {
  const after = foldContiguous(
    order,
    events.map((event) => upcast(event)),
  );
  return after?.version === order.version + events.length ? after : undefined;
}

/** An order, and the version that its view must have. */
export interface Replacement {
  readonly order: Order;
  readonly seen: number;
}

/**
 * Brings views up to orders whose last events were just recorded, without reading view or journal.
 * That works if the same recorder wrote each view last. A recorder that found a gap has set
 * `ahead`, and a rebuild has written its own name: then the guard refuses the write.
 *
 * @returns false if a guard refused, or a view has another version: call `projectOrder` for all of
 *   them
 */
export async function replaceViews(
  db: Db,
  replacements: readonly Replacement[],
  recorder: string,
): Promise<boolean> {
  const documents = await Promise.all(replacements.map(({ order }) => searchable(db, order)));
  const { matchedCount } = await orders(db).bulkWrite(
    replacements.map(({ order, seen }, index) => ({
      replaceOne: {
        filter: guardOf(order.orderId, { version: seen, recorder }),
        replacement: { ...(documents[index] ?? toDocument(order)), recorder },
      },
    })),
    { ...durable, ordered: false },
  );
  return matchedCount === replacements.length;
}

function foldContiguous(order: Order | undefined, events: readonly OrderEvent[]): Order | undefined {
  for (const event of events) {
    if (event.version !== (order?.version ?? 0) + 1) break;
    order = evolve(order, event);
  }
  return order;
}

async function insert(
  db: Db,
  document: OrderDocument,
  options: { session?: ClientSession },
): Promise<boolean> {
  try {
    await orders(db).insertOne(document, { ...options, ...durable });
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

async function replace(
  db: Db,
  document: OrderDocument,
  seen: Seen,
  options: { session?: ClientSession },
): Promise<boolean> {
  const guard = guardOf(document.orderId, seen);
  const { matchedCount } = await orders(db).replaceOne(guard, document, { ...options, ...durable });
  return matchedCount === 1;
}

type Seen = Pick<OrderDocument, 'version' | 'ahead' | 'recorder'>;
type Known = Seen & Pick<OrderDocument, 'state'>;

/** A filter for the view of an order, if it has not changed since it was seen. */
function guardOf(orderId: string, { version, ahead, recorder }: Seen) {
  const none = { $exists: false };
  return { _id: orderId, version, ahead: ahead ?? none, recorder: recorder ?? none };
}

/**
 * The document of an order in the view, with the words that its sealed persons are found by.
 *
 * @throws MongoError if the key store is away
 */
export async function searchable(db: Db, order: Order): Promise<OrderDocument> {
  const words = hasSealedPersons(order) ? await personWords(keysOfDatabase(db), order) : [];
  return { ...toDocument(order), ...(words.length > 0 && { persons: words }) };
}

/** The document of an order in the view, without the words of sealed persons. */
export function toDocument(order: Order): OrderDocument {
  const { orderId, customer, lines, tags } = order;
  const persons = [customer.name, customer.email].filter((text) => text !== undefined && !isSealed(text));
  const texts = [orderId, customer.id, ...persons, ...tags];
  return {
    ...toView(order),
    _id: orderId,
    ...concernsOf(order),
    settled: order.owed.length === 0,
    finished: isFinished(order),
    skus: lines.map((line) => line.sku),
    search: searchWords([...texts, ...lines.flatMap((line) => [line.sku, line.name])]),
    state: order,
  };
}
