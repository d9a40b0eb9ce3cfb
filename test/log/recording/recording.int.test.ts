import { randomUUID } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { appendToJournal } from '../../../src/log/journal/append-to-journal.js';
import { forks } from '../../../src/log/journal/fork.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { createRecorder, record } from '../../../src/log/recording/recording.js';
import { rebuildStateView } from '../../../src/log/rebuilding/rebuild-state-view.js';
import { eventFork } from '../../../src/log/workflow/steps.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent } from '../../../src/order/events.js';
import { fold } from '../../../src/order/evolve.js';
import { toView } from '../../../src/order/view.js';
import { orders, viewAndStopped } from '../../../src/views/orders.js';
import { states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';

const database = await openDatabase();
const { db } = database;
await ensureJournalIndexes(orderLog, db);
afterAll(() => database.close());

/** A recorder without a cache. */
const alone = async (events: readonly OrderEvent[]) => void (await record(orderLog, db, events));

async function journaled(orderId: string): Promise<OrderEvent[]> {
  const recorded = await readJournal(orderLog, db, orderId);
  return recorded.map(({ recordedAt, ...event }) => {
    expect(Date.parse(recordedAt)).not.toBeNaN();
    return event;
  });
}

async function stateInView(orderId: string) {
  return (await orders(db).findOne({ _id: orderId }))?.state;
}

/** Checks that the journal holds `log`, and that the view is its fold. */
async function expectRecorded(log: readonly OrderEvent[]): Promise<void> {
  const [first] = log;
  const orderId = first?.orderId ?? '';
  const order = fold(log);
  if (order === undefined) throw new Error('the log is empty');
  expect(await journaled(orderId)).toStrictEqual(log);
  expect(await stateInView(orderId)).toStrictEqual(order);
  const document = await orders(db).findOne({ _id: orderId }, { projection: viewAndStopped });
  const { stopped: _, ...view } = document ?? {};
  expect(view).toStrictEqual(toView(order));
}

function nth(log: readonly OrderEvent[], index: number): OrderEvent {
  const event = log[index];
  if (event === undefined) throw new Error('too short a log');
  return event;
}

test('the journal gets the events, and the view their fold', async () => {
  const log = logOf(states.refunded, randomUUID());
  await record(orderLog, db, log);
  await expectRecorded(log);
});

test('recording no events changes nothing', async () => {
  const counts = async () => [
    await journal(orderLog, db).countDocuments(),
    await orders(db).countDocuments(),
  ];
  const before = await counts();
  await record(orderLog, db, []);
  expect(await counts()).toEqual(before);
});

test('journal and view are the same however a log is cut, repeated and reordered', async () => {
  const length = states.refunded.log.length;
  // Each worker has its own cache.
  const worker = fc.nat(2);
  const part = fc.tuple(fc.nat(length - 1), fc.integer({ min: 1, max: 6 }), worker);
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 25 }), async (parts) => {
      const log = logOf(states.refunded, randomUUID());
      const workers = [createRecorder(orderLog, db).record, createRecorder(orderLog, db).record, alone];
      const rest = Array.from({ length: Math.ceil(length / 4) }, (_, n) => [n * 4, 4, n % 2] as const);
      await Promise.all(
        [...parts, ...rest].map(
          async ([from, count, n]) => await workers[n]?.(log.slice(from, from + count)),
        ),
      );
      await expectRecorded(log);
    }),
    { numRuns: 25 },
  );
});

test('events that come too early wait in the journal until the view can have them', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  await record(orderLog, db, log.slice(2));
  expect(await journaled(orderId)).toStrictEqual(log.slice(2));
  expect(await stateInView(orderId)).toBeUndefined();
  await record(orderLog, db, log.slice(0, 2));
  await expectRecorded(log);
});

test('recording a missing event also applies the later events that were recorded before it', async () => {
  const orderId = randomUUID();
  const log = logOf(states.refunded, orderId);
  const worker = createRecorder(orderLog, db);
  await worker.record(log.slice(0, 2));
  await record(orderLog, db, log.slice(5, 7));
  await record(orderLog, db, log.slice(3, 4));
  expect(await orders(db).findOne({ _id: orderId })).toMatchObject({ version: 2, ahead: 7 });
  await worker.record(log.slice(2, 3));
  expect(await orders(db).findOne({ _id: orderId })).toMatchObject({ version: 4, ahead: 7 });
  await worker.record(log.slice(4, 5));
  await expectRecorded(log.slice(0, 7));
  expect(await orders(db).findOne({ _id: orderId })).not.toHaveProperty('ahead');
});

test('events recorded early are applied also if the order had no view then', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  await appendToJournal(orderLog, db, log.slice(0, 1));
  await record(orderLog, db, log.slice(2));
  const worker = createRecorder(orderLog, db);
  await worker.record(log.slice(0, 1));
  await worker.record(log.slice(1, 2));
  await expectRecorded(log);
});

test('orders that are recorded together share writes, and a fork halts only its own order', async () => {
  const logs = Array.from({ length: 30 }, () => logOf(states.confirmed, randomUUID()));
  const worker = createRecorder(orderLog, db);
  await Promise.all(logs.map((log) => worker.record(log.slice(0, 2))));
  const [victim, repeated, ...others] = logs;
  if (victim === undefined || repeated === undefined) throw new Error('no logs');
  await appendToJournal(orderLog, db, [{ ...nth(victim, 2), actor: 'somebody else' }]);
  await record(orderLog, db, repeated.slice(2, 3));
  const [forked, ...recorded] = await Promise.allSettled(
    [victim, repeated, ...others].map((log) => worker.record(log.slice(2))),
  );
  expect(forked).toMatchObject({ status: 'rejected', reason: { type: eventFork } });
  expect(recorded.every(({ status }) => status === 'fulfilled')).toBe(true);
  expect(await journaled(victim[0].orderId)).toHaveLength(3);
  for (const log of [repeated, ...others]) await expectRecorded(log);
});

test('logs that begin together share writes, also with logs that had begun or were overtaken', async () => {
  const logs = Array.from({ length: 30 }, () => logOf(states.confirmed, randomUUID()));
  const [begun, overtaken, forked] = logs;
  if (begun === undefined || overtaken === undefined || forked === undefined) throw new Error('no logs');
  await record(orderLog, db, begun.slice(0, 1));
  await record(orderLog, db, overtaken.slice(2));
  await appendToJournal(orderLog, db, [{ ...nth(forked, 0), actor: 'somebody else' }]);
  const worker = createRecorder(orderLog, db);
  const results = await Promise.allSettled(logs.map((log) => worker.record(log.slice(0, 2))));
  expect(results.map(({ status }) => status)).toEqual(
    logs.map((log) => (log === forked ? 'rejected' : 'fulfilled')),
  );
  await expectRecorded(overtaken);
  for (const log of logs) if (log !== forked && log !== overtaken) await expectRecorded(log.slice(0, 2));
});

test('a worker continues from a rebuilt view, not from its cache', async () => {
  const log = logOf(states.refunded, randomUUID());
  const [{ orderId }] = log;
  const worker = createRecorder(orderLog, db);
  await record(orderLog, db, log.slice(0, 2));
  // A view that an older version of the fold has written.
  await orders(db).updateOne({ _id: orderId }, { $set: { tags: ['old'], 'state.tags': ['old'] } });
  await worker.record(log.slice(2, 3));
  expect(await orders(db).findOne({ _id: orderId })).toMatchObject({ tags: ['old'] });
  const { signal } = new AbortController();
  await rebuildStateView(orderLog, { db, rebuildId: randomUUID(), signal, heartbeat: () => undefined });
  await worker.record(log.slice(3));
  await expectRecorded(log);
});

test('a worker continues from the second of two rebuilt views, not from its cache of the first', async () => {
  const log = logOf(states.refunded, randomUUID());
  const [{ orderId }] = log;
  const worker = createRecorder(orderLog, db);
  const rebuilding = () => ({
    db,
    rebuildId: randomUUID(),
    signal: new AbortController().signal,
    heartbeat: () => undefined,
  });
  await worker.record(log.slice(0, 2));
  await rebuildStateView(orderLog, rebuilding());
  // Records the events again, so the worker caches the rebuilt view.
  await worker.record(log.slice(0, 2));
  await rebuildStateView(orderLog, rebuilding());
  // A view that a rebuild by another version has written.
  await orders(db).updateOne({ _id: orderId }, { $set: { tags: ['old'], 'state.tags': ['old'] } });
  await worker.record(log.slice(2));
  expect(await orders(db).findOne({ _id: orderId })).toMatchObject({
    version: log.length,
    tags: ['old'],
    state: { tags: ['old'] },
  });
});

test('a cache that is older than the view does no harm', async () => {
  const log = logOf(states.confirmed, randomUUID());
  const worker = createRecorder(orderLog, db);
  await worker.record(log.slice(0, 1));
  await appendToJournal(orderLog, db, log.slice(1, 2));
  await worker.record(log.slice(2, 3));
  await worker.record(log.slice(3));
  await expectRecorded(log);
});

test('a retry completes a recording that died between journal and view', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  await record(orderLog, db, log.slice(0, 1));
  await appendToJournal(orderLog, db, log.slice(1));
  expect(await stateInView(orderId)).toStrictEqual(fold(log.slice(0, 1)));
  await record(orderLog, db, log.slice(1));
  await expectRecorded(log);
});

test('a late retry of old events changes nothing', async () => {
  const log = logOf(states.refunded, randomUUID());
  await record(orderLog, db, log);
  await record(orderLog, db, log.slice(0, 3));
  await expectRecorded(log);
});

test('twenty simultaneous recordings of the same events write each event once', async () => {
  const log = logOf(states.confirmed, randomUUID());
  await Promise.all(Array.from({ length: 20 }, () => record(orderLog, db, log)));
  await expectRecorded(log);
});

test('equal content is not a fork, whatever the sequence of its keys', async () => {
  const log = logOf(states.confirmed, randomUUID());
  await record(orderLog, db, log);
  const reversed = log.map((event) => reverseKeys(event));
  await record(orderLog, db, reversed);
  await expectRecorded(log);
});

test('text that is not well-formed Unicode is not a fork of itself', async () => {
  const [created] = logOf(states.confirmed, randomUUID());
  if (created.type !== 'OrderCreated') throw new Error('not the first event');
  const odd = { ...created, data: { ...created.data, note: 'half a pair: \ud800' } };
  await record(orderLog, db, [odd]);
  await record(orderLog, db, [odd]);
  expect(await journaled(created.orderId)).toHaveLength(1);
});

test('a different event under the same version is a fork, and nothing is overwritten or added', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  const known = log.slice(0, 3);
  await record(orderLog, db, known);
  const [, second, third, fourth] = log;
  if (second === undefined || third === undefined || fourth === undefined) throw new Error('too short a log');
  const forked: OrderEvent = { ...third, type: 'NoteAdded', data: { text: 'decided again after a reset' } };

  const failure = await record(orderLog, db, [second, forked, fourth]).catch((error: unknown) => error);

  expect(failure).toMatchObject({ type: eventFork, nonRetryable: true });
  expect(String(failure)).toContain(`order ${orderId} has ${third.type} and NoteAdded as version 3`);
  await expectRecorded(known);
  expect(await forks(orderLog, db).findOne({ _id: orderId })).toMatchObject({
    version: 3,
    journal: third.type,
    workflow: 'NoteAdded',
  });
});

test('the same type with other data is also a fork', async () => {
  const log = logOf(states.confirmed, randomUUID());
  await record(orderLog, db, log);
  const [created] = log;
  const forked = { ...created, occurredAt: '2026-01-02T00:00:00.000Z' };
  await expect(record(orderLog, db, [forked])).rejects.toMatchObject({ type: eventFork });
  await expectRecorded(log);
});

test('the first of several forks of an order is kept', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  await record(orderLog, db, log);
  const altered = log.map((event) => ({ ...event, actor: 'somebody else' }));
  await expect(record(orderLog, db, altered.slice(1))).rejects.toMatchObject({ type: eventFork });
  await expect(record(orderLog, db, altered.slice(2))).rejects.toMatchObject({ type: eventFork });
  expect(await forks(orderLog, db).findOne({ _id: orderId })).toMatchObject({ version: 2 });
});

function reverseKeys(event: OrderEvent): OrderEvent {
  const reversed = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .toReversed()
            .map(([key, inner]) => [key, reversed(inner)]),
        )
      : value;
  return reversed(event) as OrderEvent;
}
