import { randomUUID } from 'node:crypto';
import { Producer, stringSerializers } from '@platformatic/kafka';
import type { Db } from 'mongodb';
import { clientOptions } from '../../../src/kafka/connection.js';
import { kafkaRows } from '../../../src/delivery/kafka/publishing-progress.js';
import { publishFeed } from '../../../src/delivery/kafka/publishing.js';
import { textRecordOf } from '../../../src/delivery/kafka/records.js';
import { topicsOf } from '../../../src/kafka/settings.js';
import { ensureTopics } from '../../../src/kafka/topics.js';
import { readFeed } from '../../../src/log/feed/feed.js';
import { FeedTail } from '../../../src/log/feed/tail.js';
import { orderLog } from '../../../src/order-log.js';
import { startBroker } from '../../support/kafka/broker.js';
import { fillFeed } from '../../support/kafka/fill-feed.js';
import { settingsOf } from '../../support/kafka/topics.js';
import { until } from '../../support/until.js';
import { emptyDatabase } from '../data/empty-database.js';
import type { Bench, Measurement } from '../harness/bench.js';
import { type Block, interleave, rate } from '../harness/interleave.js';

/**
 * Records in one request of the baseline. They fit the brokers' default limit of a megabyte.
 */
const BATCH_SIZE = 1_000;
/** Records in one transaction, as the product has them. */
const TRANSACTION_SIZE = 2_000;

/**
 * Publishes the feed from MongoDB to a topic, in transactions with their checkpoints. The baseline
 * is a bare producer that sends as many records of the same keys, headers and values. It uses
 * Kafka's client as its documentation says, idempotent and with transactions of the same size. It
 * reads nothing and makes no records, but sends the first thousand again and again. If it kept all
 * records, its garbage collection would slow down both sides.
 */
export const kafkaOut: Measurement = {
  name: 'kafka.out',
  async run(bench) {
    const count = bench.pick(100_000, 10_000);
    const db = await openFeed(bench, count);
    bench.note('starting Kafka');
    const broker = await startBroker();
    bench.atEnd(() => broker.stop());
    const tail = new FeedTail(orderLog, db);
    bench.atEnd(() => tail.stop());
    const settings = () => settingsOf(broker, `bench-${randomUUID()}`);
    const form = { topic: 'bare', generation: 1, payload: 'event' } as const;
    const records = (await readFeed(orderLog, db, 0, BATCH_SIZE)).map((event) => textRecordOf(form, event));
    const product = async (): Promise<Block> => {
      const ofBlock = settings();
      const stopping = new AbortController();
      const began = performance.now();
      const { events } = topicsOf(ofBlock);
      const deps = { db, tail, settings: ofBlock, system: () => Promise.resolve('bench') };
      const working = publishFeed(deps).work(stopping.signal, () => undefined);
      await until(async () => {
        const row = await kafkaRows(db).findOne({ _id: events });
        if (row?.position !== count) throw new Error('It is not published yet.');
      });
      const ms = performance.now() - began;
      stopping.abort();
      await working;
      return { operations: count, ms, times: [] };
    };
    const baseline = async (): Promise<Block> => {
      const ofBlock = settings();
      const { events: topic } = topicsOf(ofBlock);
      const began = performance.now();
      await ensureTopics(ofBlock, [{ name: topic }]);
      const producer = new Producer({
        ...clientOptions(ofBlock),
        serializers: stringSerializers,
        idempotent: true,
        transactionalId: topic,
      });
      const messages = records.map(({ headers, ...record }) => ({
        ...record,
        topic,
        headers: new Map(headers),
      }));
      for (let sent = 0; sent < count; sent += TRANSACTION_SIZE) {
        const transaction = await producer.beginTransaction();
        for (let some = 0; some < TRANSACTION_SIZE; some += BATCH_SIZE) await transaction.send({ messages });
        await transaction.commit();
      }
      const ms = performance.now() - began;
      await producer.close();
      return { operations: count, ms, times: [] };
    };
    const measured = await interleave({ product, baseline }, bench.pick(4, 1), bench.note);
    return [rate('kafka.out', 'events/s', measured, { of: 'ratio', is: '≥', limit: 0.5 })];
  },
};

async function openFeed(bench: Bench, count: number): Promise<Db> {
  const db = await emptyDatabase(bench, 'kafka');
  bench.note('filling the feed');
  await fillFeed(db, 1, count);
  return db;
}
