import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import { type JournalDocument, journal } from '../../../src/log/journal/journal.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { evolve } from '../../../src/order/evolve.js';
import type { Order } from '../../../src/order/order.js';
import { type OrderDocument, orders, toDocument } from '../../../src/views/orders.js';
import { createActivities } from '../../../workers/roles/activities.js';
import { emptyDatabase } from '../data/empty-database.js';
import { happyPath, Story } from '../data/story.js';
import type { Measurement } from '../harness/bench.js';
import { type Block, block, interleave, rate } from '../harness/interleave.js';

const CONCURRENCY = 20;
const durable = { writeConcern: { w: 'majority', journal: true } } as const;

/**
 * Records events of orders on the happy path step by step in journal and view, 20 orders at a time.
 * The baseline writes the same documents in the same way, but has made them in advance, without
 * reads and folds. Percentiles are of one step.
 */
export const recordBatch: Measurement = {
  name: 'record.batch',
  async run(bench) {
    const [product, baseline] = [await emptyDatabase(bench, 'recorded'), await emptyDatabase(bench, 'bare')];
    const { record } = createActivities({ db: product });
    const count = bench.pick(1_000, 80);
    const measured = await interleave(
      {
        product: () => recordOrders(stories(count), (events) => record({ events })),
        baseline: () => writeOrders(baseline, stories(count)),
      },
      bench.pick(4, 1),
      bench.note,
    );
    return [rate('record.batch', 'events/s', measured, { of: 'ratio', is: '≥', limit: 0.8 })];
  },
};

type Steps = readonly (readonly OrderEvent[])[];

function stories(count: number): readonly Steps[] {
  return Array.from({ length: count }, (_, n) => {
    const story = new Story(randomUUID(), Date.now());
    return happyPath(n)
      .flatMap((command) => story.tellAll(command))
      .map(({ events }) => events);
  });
}

async function recordOrders(all: readonly Steps[], write: (events: readonly OrderEvent[]) => Promise<void>) {
  return await timed(all.length, CONCURRENCY, async (n, time) => {
    for (const events of all[n] ?? []) await time(() => write(events));
    return (all[n] ?? []).flat().length;
  });
}

async function writeOrders(db: Db, all: readonly Steps[]): Promise<Block> {
  const prepared = all.map((steps) => {
    let order: Order | undefined;
    return steps.map((events) => {
      for (const event of events) order = evolve(order, event);
      if (order === undefined) throw new Error('A story begins with an event.');
      return { records: events.map(toRecord), document: toDocument(order) };
    });
  });
  return await timed(all.length, CONCURRENCY, async (n, time) => {
    let seen: number | undefined;
    for (const { records, document } of prepared[n] ?? []) {
      await time(async () => {
        await journal(orderLog, db).insertMany(records, durable);
        await writeView(db, document, seen);
      });
      seen = document.version;
    }
    return (all[n] ?? []).flat().length;
  });
}

function toRecord(event: OrderEvent): JournalDocument {
  const recordedAt = new Date().toISOString();
  return { ...event, _id: `${event.orderId}:${event.version}`, recordedAt, unsequenced: true };
}

async function writeView(db: Db, document: OrderDocument, seen: number | undefined): Promise<void> {
  if (seen === undefined) await orders(db).insertOne(document, durable);
  else await orders(db).replaceOne({ _id: document.orderId, version: seen }, document, durable);
}

/** Counts the events of orders, and times their steps. */
async function timed(
  count: number,
  lanes: number,
  order: (n: number, time: (step: () => Promise<void>) => Promise<void>) => Promise<number>,
): Promise<Block> {
  const times: number[] = [];
  let [next, events] = [0, 0];
  const { ms } = await block(count, lanes, async () => {
    const recorded = await order(next++, async (step) => {
      const before = performance.now();
      await step();
      times.push(performance.now() - before);
    });
    events += recorded;
  });
  return { operations: events, ms, times };
}
