import type { Db, IndexDescription } from 'mongodb';
import type { Draft, Envelope, State } from '../entity.js';

type Scalar = string | number;
/** Whole numbers. A sum of money is a bigint, since it may exceed `Number.MAX_SAFE_INTEGER`. */
type Sums = { readonly [name: string]: number | bigint | Sums };
/** Objects are compared member by member, so all must have the same members in the same order. */
export type Comparable = Scalar | { readonly [name: string]: Scalar };
type Bounds = { readonly [name: string]: Comparable };

/**
 * What an event changes in one document of a view. Changes commute: any sequence and any grouping
 * of them lead to the same document. So an event that was parked may be applied later, and a
 * rebuild gives the same view.
 */
export interface ViewChange {
  /** the id of the document, which may not exist yet */
  readonly id: string;
  /**
   * numbers that are added to those of the document, which start at 0; the sums are always exact
   */
  readonly add?: Sums;
  /** each replaces the document's value if it is smaller, or if the document has none */
  readonly min?: Bounds;
  /** each replaces the document's value if it is greater, or if the document has none */
  readonly max?: Bounds;
}

/** A feed view, without its fold. */
export interface AnyView {
  readonly name: string;
  /** Raised with every change of `fold`. The view is then rebuilt beside the old build. */
  readonly version: number;
  readonly indexes: readonly IndexDescription[];
}

/**
 * A view whose documents each summarize many entities, such as one document for each day. Its
 * changes can only use `add`, `min` and `max`.
 */
export interface SummaryView<S extends State, D extends Draft> extends AnyView {
  readonly keyedBy?: undefined;
  /**
   * Pure. `before` and `after` are the entity before and after the event. If `fold` throws, the
   * event is parked, and later events of that entity wait for it.
   */
  readonly fold: (event: D & Envelope, before: S | undefined, after: S) => readonly ViewChange[];
}

/**
 * A view with at most one document for each entity, under its id. The document may hold anything
 * that follows from the events.
 */
export interface EntityView<
  S extends State,
  D extends Draft,
  Document extends object = object,
> extends AnyView {
  readonly keyedBy: 'entity';
  /**
   * Pure. The document after an event; undefined deletes it. Each event is folded into a document
   * once, in the order of versions. If `fold` throws, the event is parked, and later events of that
   * entity wait for it. An event that is skipped leaves the document as it was.
   *
   * @param state the entity after the event
   */
  fold(document: Document | undefined, event: D & Envelope, state: S): Document | undefined;
}

/**
 * A feed view: it is built from the feed, by its fold alone. One file has its fold, indexes and
 * queries. A state view, such as `orders`, is a `StateView`.
 */
export type View<S extends State, D extends Draft> = SummaryView<S, D> | EntityView<S, D>;

export interface ViewDocument {
  readonly _id: string;
}

/** A collection that a view is built in. */
export function documents<D extends ViewDocument = ViewDocument>(db: Db, collection: string) {
  return db.collection<D>(collection);
}
