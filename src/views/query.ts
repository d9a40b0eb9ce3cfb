import type { Db } from 'mongodb';
import { type Static, type TObject, type TProperties, Type } from 'typebox';
import type { AsOf } from '../log/views/read-view.js';

/** The kinds of parameters; a flag is `true` or `false`. Every parameter arrives as text. */
export type ParameterKind = 'id' | 'sku' | 'day' | 'currency' | 'flag';

/**
 * The values of an item by which its list is sorted. A cursor has the sort key of a page's last
 * item.
 */
export type SortKey = readonly (string | number)[];

/** The requested part of a list. */
export interface Page {
  readonly limit: number;
  /** the sort key of the last item of the page before; absent for the first page */
  readonly after?: SortKey;
}

export interface QueryArguments<K extends string, F extends string> {
  readonly keys: Readonly<Record<K, string>>;
  readonly filters: Readonly<Partial<Record<F, string>>>;
  readonly page: Page;
}

/**
 * The result of a query, and the view's position. `found` is undefined if there is nothing; `next`
 * is set if there is another page.
 */
interface QueryResult<T> {
  readonly found: T | undefined;
  readonly next?: SortKey;
  readonly asOf: AsOf;
}

/** A query of a view, as the API serves it with `GET`. The answer also has `asOf`. */
export interface ViewQuery<
  K extends string = string,
  F extends string = string,
  B extends TProperties = TProperties,
  T = unknown,
> {
  /** such as `/v1/customers/:customerId` */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** the parameters in the path */
  readonly keys?: Readonly<Record<K, ParameterKind>>;
  readonly filters?: Readonly<Record<F, ParameterKind>>;
  /** items on a page, if the answer comes in pages */
  readonly pageSize?: { readonly byDefault: number; readonly atMost: number };
  /** schemas of the answer's members */
  readonly body: B;
  /** the answer 404, if nothing is found */
  readonly notFound?: { readonly code: string; detail(keys: Readonly<Record<K, string>>): string };
  /** @throws BadParameter */
  run(db: Db, asked: QueryArguments<K, F>): Promise<QueryResult<T>>;
}

/** An answer with these members, as its schemas describe them. */
export type Body<B extends TProperties> = DeepReadonly<Static<TObject<B>>>;
type DeepReadonly<T> = T extends readonly (infer I)[]
  ? readonly DeepReadonly<I>[]
  : T extends object
    ? { readonly [N in keyof T]: DeepReadonly<T[N]> }
    : T;

/** Returns the query as it is, so that the compiler checks its answer against its schema. */
export function viewQuery<K extends string, F extends string, B extends TProperties>(
  query: ViewQuery<K, F, B, Body<B>>,
): ViewQuery {
  return query;
}

/** A parameter that matches its schema but makes no sense. It is answered with 400. */
export class BadParameter extends Error {
  override readonly name = 'BadParameter';
  readonly parameter: string;

  constructor(parameter: string, detail: string) {
    super(detail);
    this.parameter = parameter;
  }
}

/**
 * The page of a list.
 *
 * @param found the page, and one item more if there is one
 * @param sortKeyOf gives an item's sort key
 */
export function pageOf<T>(
  found: readonly T[],
  { limit }: Page,
  sortKeyOf: (item: T) => SortKey,
): { readonly data: readonly T[]; readonly next?: SortKey } {
  const data = found.slice(0, limit);
  const last = data.at(-1);
  return found.length > limit && last !== undefined ? { data, next: sortKeyOf(last) } : { data };
}

// --- parts of answers ---

export const Count = Type.Integer();
export const Instant = Type.String({ description: 'ISO-8601 UTC' });

/** A sum of money, exact even beyond what a number of JavaScript can hold. */
export function Money(description: string) {
  const exact = 'exact, though it may be more than a number of JavaScript can hold';
  return Type.Unsafe<number | bigint>(Type.Integer({ description: `${description}; ${exact}` }));
}

/** An object with these members only. */
export function closed<P extends TProperties>(members: P) {
  return Type.Object(members, { additionalProperties: false });
}
