import type { Db, IndexDescription } from 'mongodb';
import type { OrderEvent } from '../../order/events.js';
import type { Order } from '../../order/order.js';

type Scalar = string | number;
/** A whole number; money, whose sums may go beyond `Number.MAX_SAFE_INTEGER`, is a bigint. */
type Sums = { readonly [name: string]: number | bigint | Sums };
/** Compared member by member, so two of them are to have the same members in the same order. */
export type Comparable = Scalar | { readonly [name: string]: Scalar };
type Bounds = { readonly [name: string]: Comparable };

/**
 * What an event changes in one document of a view. Changes of different orders commute: in whatever order they are made,
 * and however they are put together, they come to the same document. So events that were set aside may be applied later, and
 * a view that is built anew is the same as the one before.
 */
export interface Change {
  /** of the document, which need not exist */
  readonly id: string;
  /** added to its numbers, which start at 0; exact, whatever they come to */
  readonly add?: Sums;
  /** kept where smaller than, or the first of, what it has */
  readonly min?: Bounds;
  /** kept where greater than, or the first of, what it has */
  readonly max?: Bounds;
}

/** A view across orders, built from the feed by its fold alone. One file holds all of it: fold, indexes and queries. */
export interface View {
  readonly name: string;
  /** a greater one for every change of `fold`: the view is then built anew beside the old one */
  readonly version: number;
  readonly indexes: readonly IndexDescription[];
  /**
   * Pure. `before` and `after` are the event's order around it. An event that makes it throw is set aside, and the later
   * events of that order behind it.
   */
  readonly fold: (event: OrderEvent, before: Order | undefined, after: Order) => readonly Change[];
}

export interface ViewDocument {
  readonly _id: string;
}

/** A collection that a view is built in. */
export function documents<D extends ViewDocument = ViewDocument>(db: Db, collection: string) {
  return db.collection<D>(collection);
}
