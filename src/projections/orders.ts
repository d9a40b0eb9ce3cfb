import type { ClientSession, Db, IndexDescription } from 'mongodb';
import type { OrderEvent } from '../domain/events.js';
import { evolve } from '../domain/evolve.js';
import type { Order } from '../domain/order.js';
import { type OrderView, toView } from '../domain/view.js';
import { committed, durable, isDuplicateKey } from '../event-log/durability.js';
import { readJournal } from '../event-log/journal.js';

/** An order as the view keeps it: the public shape, what lists are filtered by, and the fold to go on from. */
export type OrderDocument = OrderView & {
  /** the order's id */
  readonly _id: string;
  /** nothing is left to do by itself */
  readonly settled: boolean;
  readonly skus: readonly string[];
  /** see `searchWords` */
  readonly search: readonly string[];
  readonly state: Order;
};

/** A projection that leaves the `OrderView` of an `OrderDocument`. */
export const onlyView = { _id: 0, settled: 0, skus: 0, search: 0, state: 0 } as const;

/** Ends with `_id`, which makes the order of a list total, so that a cursor names one place in it. */
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
];

export function orders(db: Db) {
  return db.collection<OrderDocument>('orders');
}

export async function ensureOrderIndexes(db: Db): Promise<void> {
  await orders(db).createIndexes([...orderIndexes]);
}

/**
 * Brings the view of an order up to its journal: folds in the contiguous events beyond the version it has. Any number of
 * callers may do so at once; when it resolves, the view has every contiguous event that the journal held at the call.
 */
export async function projectOrder(
  db: Db,
  orderId: string,
  options: { readonly session?: ClientSession } = {},
): Promise<void> {
  while (!(await advance(db, orderId, options)));
}

/** One try. False when another writer was faster. */
async function advance(db: Db, orderId: string, options: { session?: ClientSession }): Promise<boolean> {
  const view = await orders(db).findOne(
    { _id: orderId },
    { ...options, ...committed, projection: { version: 1, state: 1 } },
  );
  const seen = view?.version ?? 0;
  const order = foldContiguous(view?.state, await readJournal(db, orderId, { ...options, from: seen + 1 }));
  if (order === undefined || order.version === seen) return true;
  return view === null
    ? await insert(db, toDocument(order), options)
    : await replace(db, toDocument(order), seen, options);
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
  seen: number,
  options: { session?: ClientSession },
): Promise<boolean> {
  const guard = { _id: document.orderId, version: seen };
  const { matchedCount } = await orders(db).replaceOne(guard, document, { ...options, ...durable });
  return matchedCount === 1;
}

/** The document that an order has in the view. */
export function toDocument(order: Order): OrderDocument {
  const { orderId, customer, lines, tags } = order;
  const texts = [orderId, customer.id, customer.name, customer.email, ...tags];
  return {
    ...toView(order),
    _id: orderId,
    settled: order.owed.length === 0,
    skus: lines.map((line) => line.sku),
    search: searchWords([...texts, ...lines.flatMap((line) => [line.sku, line.name])]),
    state: order,
  };
}

/**
 * The lower-case words under which texts are found: what stands between spaces (`ada@example.com`), and the runs of letters
 * and digits in it (`ada`, `example`, `com`). A query is split at spaces only; each of its words is the beginning of one of these.
 */
function searchWords(texts: readonly (string | undefined)[]): string[] {
  const words = queryWords(texts.join(' '));
  return [...new Set([...words, ...words.flatMap((word) => word.split(/[^\p{L}\p{N}]+/u))])].filter(
    (word) => word !== '',
  );
}

/** The words of a search: lower-case, split at spaces. */
export function queryWords(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
}
