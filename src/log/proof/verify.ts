import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import { orders, viewedOrders } from '../../views/orders.js';
import { later } from '../../order/time.js';
import { batches } from '../journal/chunks.js';
import { compareOrder, type Comparison, type Discrepancy } from './comparison.js';
import { committed } from '../journal/durability.js';
import { feedHead } from '../feed/feed.js';
import { journal, journaledOrders, notJournaled } from '../journal/journal.js';
import { listOrderWorkflows } from '../journal/order-workflows.js';
import { compareOutside, doneForNone, wrongStock } from './providers.js';
import { remedyOf } from './remedies.js';

export interface Verified {
  readonly client: Client;
  readonly db: Db;
  /** of the orders' workflows */
  readonly taskQueue: string;
}

export interface VerifyOptions {
  /** this order only */
  readonly orderId?: string;
  /** so many orders, drawn by lot; all by default */
  readonly sample?: number;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly what: 'orders' | 'positions' | 'movements';
  readonly done: number;
  /** about so many; absent where nobody knows */
  readonly total?: number;
}

export interface VerifyReport {
  readonly orders: number;
  readonly events: number;
  /** orders whose history Temporal does not keep any more: their journal stands alone */
  readonly withoutHistory: number;
  /** the last position; absent where positions as a whole were not looked at */
  readonly head?: number;
  /** how many discrepancies there are */
  readonly found: number;
  /** the first of them, `reportedAtMost` at most */
  readonly discrepancies: readonly Discrepancy[];
}

export const reportedAtMost = 1_000;

const atOnce = 8;
const progressEvery = 1_000;
/** An event that has waited longer for its position, when the proof begins, waits for somebody to look. */
const positionedWithinMs = 10_000;

/**
 * Proves, order by order, that history, journal, fold, view and workflow are one, that the stock's movements and the sandbox
 * provider's ledger are what the logs say, and that positions are 1, 2, 3 … without gaps, for all that was recorded but the
 * last moment's. Reads only, in bounded memory.
 *
 * @throws errors of MongoDB and Temporal that are no answers
 */
export async function verify(verified: Verified, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { orderId, sample, onProgress } = options;
  const { client, db, taskQueue } = verified;
  const report = { orders: 0, events: 0, withoutHistory: 0, found: 0, discrepancies: [] as Discrepancy[] };
  const note = (discrepancies: readonly Discrepancy[]): void => {
    report.found += discrepancies.length;
    report.discrepancies.push(...discrepancies.slice(0, reportedAtMost - report.discrepancies.length));
  };
  const total = orderId === undefined ? (sample ?? (await orders(db).estimatedDocumentCount())) : 1;

  const positionedBefore = later(new Date().toISOString(), -positionedWithinMs);
  const compared = { client, db, asksWorkflow: true, positionedBefore };

  async function compareAll(id: string): Promise<Comparison> {
    const comparison = await compareOrder(compared, id);
    const isLogWhole = comparison.discrepancies.every(
      ({ where }) => where !== 'journal' && where !== 'history',
    );
    if (comparison.events === 0 || !isLogWhole) return comparison;
    const outside = await compareOutside(db, id);
    return { ...comparison, discrepancies: [...comparison.discrepancies, ...outside] };
  }

  async function verifyAll(orderIds: AsyncIterable<string>): Promise<void> {
    for await (const batch of batches(orderIds, atOnce)) {
      for (const one of await Promise.all(batch.map(compareAll))) {
        report.orders += 1;
        report.events += one.events;
        if (!one.hasHistory) report.withoutHistory += 1;
        note(one.discrepancies);
      }
      onProgress?.({ what: 'orders', done: report.orders, total: Math.max(total, report.orders) });
    }
  }

  if (orderId !== undefined) {
    await verifyAll(only(orderId));
    return report;
  }
  if (sample !== undefined) {
    await verifyAll(someOrders(db, sample));
  } else {
    await verifyAll(journaledOrders(db));
    await verifyAll(each(notJournaled(db, viewedOrders(db))));
    await verifyAll(each(notJournaled(db, workflowOrders(client, taskQueue))));
    for await (const discrepancy of doneForNone(db, client)) note([discrepancy]);
  }
  const onMovements = (done: number) => onProgress?.({ what: 'movements', done });
  for await (const discrepancy of wrongStock(db, onMovements)) note([discrepancy]);
  const head = await feedHead(db);
  for await (const discrepancy of wrongPositions(db, head, onProgress)) note([discrepancy]);
  return { ...report, head };
}

async function* only(orderId: string): AsyncGenerator<string, void> {
  yield orderId;
}

async function* someOrders(db: Db, size: number): AsyncGenerator<string, void> {
  // A large sample may draw an order twice.
  const drawn = new Set<string>();
  const found = orders(db).aggregate<{ _id: string }>(
    [{ $sample: { size } }, { $project: { _id: 1 } }],
    committed,
  );
  for await (const { _id: orderId } of found) drawn.add(orderId);
  yield* drawn;
}

async function* workflowOrders(client: Client, taskQueue: string): AsyncGenerator<string, void> {
  for await (const { orders: listed } of listOrderWorkflows(client, taskQueue))
    for (const { orderId } of listed) yield orderId;
}

async function* each(groups: AsyncIterable<readonly string[]>): AsyncGenerator<string, void> {
  for await (const orderIds of groups) yield* orderIds;
}

/** Gaps and repetitions between 1 and the head, and positions beyond it. */
async function* wrongPositions(
  db: Db,
  head: number,
  onProgress: VerifyOptions['onProgress'],
): AsyncGenerator<Discrepancy, void> {
  let last = 0;
  const positioned = journal(db)
    .find({ position: { $gt: 0, $lte: head } }, committed)
    .project<{ orderId: string; version: number; position: number }>({
      _id: 0,
      orderId: 1,
      version: 1,
      position: 1,
    })
    .sort({ position: 1 });
  for await (const { orderId, version, position } of positioned) {
    if (position === last) yield { ...wrongPosition(`${position} is given twice`), orderId, version };
    else if (position !== last + 1) yield missingPositions(last + 1, position - 1);
    last = position;
    if (position % progressEvery === 0) onProgress?.({ what: 'positions', done: position, total: head });
  }
  if (last < head) yield missingPositions(last + 1, head);

  const beyond = journal(db).find({ position: { $gt: head } }, committed);
  for await (const { orderId, version, position = 0 } of beyond.sort({ position: -1 }).limit(1)) {
    // The head is where the positions end: asked behind them, it has come as far.
    const headNow = await feedHead(db);
    if (position > headNow)
      yield { ...wrongPosition(`${position} is beyond the head, ${headNow}`), orderId, version };
  }
}

function missingPositions(from: number, to: number): Discrepancy {
  return wrongPosition(from === to ? `no event has ${from}` : `no event has ${from} to ${to}`);
}

function wrongPosition(detail: string): Discrepancy {
  const found = { where: 'positions', kind: 'differs' } as const;
  return { ...found, detail, remedy: remedyOf(found) };
}
