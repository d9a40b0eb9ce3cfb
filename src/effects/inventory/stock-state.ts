import type { ClientSession, Db } from 'mongodb';
import { committed } from '../../log/journal/durability.js';
import type { Counts } from '../../server/database-mark.js';

/** What is known of the stock as a whole: one document. Absent until set-up has compared MongoDB with Temporal (`recognizeDatabase`). */
export interface StockState {
  readonly _id: 'stock';
  /** names this database, in Temporal too */
  readonly database: string;
  /** how often it was compared with what Temporal has noted: a backup has a lower number */
  readonly comparisons: number;
  /** movements are missing: reservations and counts wait for a restore */
  readonly outdated?: Outdated;
  /** ISO-8601 UTC; a restore is under way: nothing is out of stock, and nothing is counted, until it is done */
  readonly restoringSince?: string;
  /** more SKUs were counted than Temporal could note, and all were lost: one without a document is to be counted, too */
  readonly countsAreLost?: true;
}

export interface Outdated {
  /** `lost`: MongoDB was empty; `older`: it is a backup */
  readonly cause: 'lost' | 'older';
  /** ISO-8601 UTC, when it was noticed */
  readonly since: string;
  /** as Temporal had noted them */
  readonly counts: Counts;
}

export function stockStates(db: Db) {
  return db.collection<StockState>('stock_state');
}

export async function stockState(db: Db, session?: ClientSession): Promise<StockState | undefined> {
  const options = session ? { session } : committed;
  return (await stockStates(db).findOne({ _id: 'stock' }, options)) ?? undefined;
}

/** What people should know; undefined where the stock is as the log says. */
export function concernOfStock(state: StockState | undefined): string | undefined {
  if (state === undefined) return 'MongoDB is not compared with Temporal yet, or was emptied since';
  if (state.restoringSince !== undefined) return `it is being restored since ${state.restoringSince}`;
  if (state.outdated === undefined) return undefined;
  const { cause, since } = state.outdated;
  const what = cause === 'lost' ? 'MongoDB was lost' : 'MongoDB is an older backup';
  return `${what}, noticed at ${since}: run \`npx orders rebuild --from history\``;
}

/** Reservations wait, and are tried again: what is in stock is not known. Never a reason to say that it is out of stock. */
export class StockUnknown extends Error {
  override readonly name = 'StockUnknown';
}

/** @throws StockUnknown unless every movement that was ever made is here */
export function assertWhole(state: StockState | undefined): asserts state is StockState {
  if (state !== undefined && state.outdated === undefined) return;
  throw new StockUnknown(`Reservations wait: ${concernOfStock(state)}.`);
}
