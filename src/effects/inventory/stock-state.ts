import type { ClientSession, Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';

/**
 * Which database this is, to compare with Temporal's mark (`detectDatabaseLoss`). It is stored in
 * the state of the stock, because only the stock waits if the database does not match the mark.
 */
export interface DatabaseIdentity {
  /** id of this database, to compare with the id in Temporal's mark */
  readonly database: string;
  /** how many times it was compared with the mark: a backup has a lower number */
  readonly comparisons: number;
  /** movements are missing: reservations and counts wait for a restore */
  readonly outdated?: Outdated;
}

/**
 * State of the stock as a whole; one document. Absent until set-up has compared MongoDB with
 * Temporal.
 */
export interface StockState extends DatabaseIdentity {
  readonly _id: 'stock';
  /**
   * when a restore began, ISO-8601 UTC; until it ends, no reservation is refused, and no SKU can be
   * counted
   */
  readonly restoringSince?: string;
  /**
   * counts were lost, and there were too many to list: a SKU without a document has to be counted
   */
  readonly countsAreLost?: true;
}

export interface Outdated {
  /** `lost`: MongoDB was empty; `older`: it is a backup */
  readonly cause: 'lost' | 'older';
  /** ISO-8601 UTC; when this was detected */
  readonly since: string;
  /** from Temporal's mark */
  readonly counts: Counts;
}

/** How many times each SKU was counted (`countStock`); `many` if there are too many to list. */
export type Counts = readonly (readonly [sku: string, counts: number])[] | 'many';

export function stockStates(db: Db) {
  return db.collection<StockState>('stock_state');
}

export async function stockState(db: Db, session?: ClientSession): Promise<StockState | undefined> {
  const options = session ? { session } : committed;
  return (await stockStates(db).findOne({ _id: 'stock' }, options)) ?? undefined;
}

/** What readiness should report about the stock; undefined if it matches the log. */
export function concernOfStock(state: StockState | undefined): string | undefined {
  if (state === undefined) return 'MongoDB was not compared with Temporal yet, or was emptied since';
  if (state.restoringSince !== undefined) return `it is being restored (since ${state.restoringSince})`;
  if (state.outdated === undefined) return undefined;
  const { cause, since } = state.outdated;
  const what = cause === 'lost' ? 'MongoDB was lost' : 'MongoDB is an older backup';
  return `${what}, detected at ${since}: run \`npx orders rebuild --from history\``;
}

/**
 * Thrown while the stock is unknown. The reservation is then retried, and never answered with
 * `out_of_stock`.
 */
export class StockUnknown extends Error {
  override readonly name = 'StockUnknown';
}

/** @throws StockUnknown if movements are missing, or MongoDB was not compared yet */
export function assertWhole(state: StockState | undefined): asserts state is StockState {
  if (state !== undefined && state.outdated === undefined) return;
  throw new StockUnknown(`Reservations wait: ${concernOfStock(state)}.`);
}
