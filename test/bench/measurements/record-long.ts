import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { orderLog } from '../../../src/order-log.js';
import { orders, toDocument } from '../../../src/views/orders.js';
import { createActivities } from '../../../workers/roles/activities.js';
import { emptyDatabase } from '../data/empty-database.js';
import { create, hold, release, Story } from '../data/story.js';
import type { Measurement } from '../harness/bench.js';
import { type Block, block, duration, interleave } from '../harness/interleave.js';

const SHORT_LOG = 10;

/** Records one more event in an order that has many. The baseline is an order that has ten. */
export const recordLong: Measurement = {
  name: 'record.long',
  async run(bench) {
    const db = await emptyDatabase(bench, 'long');
    const long = await recordedOrder(db, bench.pick(10_000, 1_000));
    const count = bench.pick(200, 30);
    const measured = await interleave(
      {
        product: () => recordNext(db, long, count),
        baseline: async () => recordNext(db, await recordedOrder(db, SHORT_LOG), count),
      },
      bench.pick(4, 2),
      bench.note,
    );
    return [duration('record.long', measured, { of: 'ratio', is: '≤', limit: 1.2 })];
  },
};

async function recordNext(db: Db, story: Story, count: number): Promise<Block> {
  const { record } = createActivities({ db });
  const steps = Array.from({ length: count }, (_, n) => story.tell(n % 2 === 0 ? hold : release));
  let next = 0;
  return await block(count, 1, async () => await record({ events: steps[next++]?.events ?? [] }));
}

/** An order with this many events or one more, all of them recorded. */
async function recordedOrder(db: Db, events: number): Promise<Story> {
  const story = new Story(randomUUID(), Date.now());
  story.tellAll(create(1));
  while (story.events.length < events) {
    story.tell(hold);
    story.tell(release);
  }
  await appendToJournal(orderLog, db, story.events);
  await orders(db).insertOne(toDocument(story.order));
  return story;
}
