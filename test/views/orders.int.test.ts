import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Document, Filter, Sort } from 'mongodb';
import { appendToJournal } from '../../src/log/journal/append-to-journal.js';
import { ensureStateViewIndexes, withStopped } from '../../src/log/entity-log/state-view.js';
import { updateStateView } from '../../src/log/recording/update-state-view.js';
import { orderLog } from '../../src/order-log.js';
import { fold } from '../../src/order/evolve.js';
import { type OrderDocument, orders, toDocument } from '../../src/views/orders.js';
import { pausedBefore } from '../log/views/support.js';
import { create, states } from '../order/examples.js';
import { Scenario } from '../order/specification.js';
import { logOf, openDatabase } from '../support/database.js';

const database = await openDatabase();
const { db } = database;
beforeAll(() => ensureStateViewIndexes(orderLog, db));
afterAll(() => database.close());

test('the view of an order without a journal is unchanged', async () => {
  const orderId = randomUUID();
  await updateStateView(orderLog, db, orderId);
  expect(await orders(db).findOne({ _id: orderId })).toBeNull();
});

test('the view goes up to the first gap in the journal', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  await appendToJournal(orderLog, db, log.slice(0, 2));
  await appendToJournal(orderLog, db, log.slice(3));
  await updateStateView(orderLog, db, orderId);
  expect(await orders(db).findOne({ _id: orderId })).toMatchObject({ version: 2 });
  await appendToJournal(orderLog, db, log.slice(2, 3));
  await updateStateView(orderLog, db, orderId);
  expect(await orders(db).findOne({ _id: orderId })).toStrictEqual(toDocument(stateOf(log)));
});

test('simultaneous projections of an order give the same view', async () => {
  const orderId = randomUUID();
  const log = logOf(states.refunded, orderId);
  await Promise.all(
    log.map(async (event) => {
      await appendToJournal(orderLog, db, [event]);
      await updateStateView(orderLog, db, orderId);
    }),
  );
  expect(await orders(db).findOne({ _id: orderId })).toStrictEqual(toDocument(stateOf(log)));
});

test('a writer that was overtaken does not make the view older', async () => {
  const orderId = randomUUID();
  const log = logOf(states.confirmed, orderId);
  await appendToJournal(orderLog, db, log.slice(0, 2));
  await updateStateView(orderLog, db, orderId);
  await appendToJournal(orderLog, db, log.slice(2, 3));
  const slow = pausedBefore(db, 'replaceOne');
  const overtaken = updateStateView(orderLog, slow.db, orderId);
  await slow.reached;
  await appendToJournal(orderLog, db, log.slice(3));
  await updateStateView(orderLog, db, orderId);
  slow.resume();
  await overtaken;
  expect(await orders(db).findOne({ _id: orderId })).toStrictEqual(toDocument(stateOf(log)));
});

test('an order is at rest when it has nothing left to do by itself', () => {
  expect(toDocument(states.authorizing.order).settled).toBe(false);
  expect(toDocument(states.confirmed.order).settled).toBe(true);
  expect(toDocument(states.cancelling.order).settled).toBe(false);
  expect(toDocument(states.cancelled.order).settled).toBe(true);
});

test('an order is found by the words of its id, customer, goods and tags', () => {
  const customer = { id: 'C-7', name: 'Ada  Lovelace', email: 'Ada@Example.com' };
  const lines = [{ sku: 'LAMP-9', quantity: 1, unitPrice: 5, name: 'Öl-Lampe' }];
  const { order } = Scenario.empty.do(create({ customer, lines, shippingFee: 500, tags: ['Gift Wrap'] }));
  const { search, skus } = toDocument(order);
  expect(skus).toStrictEqual(['LAMP-9']);
  expect(new Set(search)).toStrictEqual(
    new Set('o1 1 c7 7 ada lovelace adaexamplecom examplecom com gift wrap lamp9 9 ollampe lampe'.split(' ')),
  );
  expect(search).toHaveLength(new Set(search).size);
});

const since = '2026-01-01T00:00:00.000Z';

test.each<[string, Filter<OrderDocument>, Sort]>([
  ['the newest', {}, { createdAt: -1, _id: -1 }],
  ['those last changed', {}, { updatedAt: -1, _id: -1 }],
  ['the largest', {}, { total: -1, _id: -1 }],
  ['the smallest', { total: { $gte: 1_000, $lt: 2_000 } }, { total: 1, _id: 1 }],
  ['those of a time', { createdAt: { $gte: since } }, { createdAt: 1, _id: 1 }],
  ['those in a status', { status: 'confirmed', createdAt: { $gte: since } }, { createdAt: -1, _id: -1 }],
  ['those in a status, last changed first', { status: 'confirmed' }, { updatedAt: -1, _id: -1 }],
  ['those in a status, largest first', { status: 'confirmed' }, { total: -1, _id: -1 }],
  ['those of a customer', { 'customer.id': 'c-1' }, { createdAt: -1, _id: -1 }],
  ['those with a SKU', { skus: 'A-1' }, { createdAt: -1, _id: -1 }],
  ['those with a tag', { tags: 'gift' }, { createdAt: -1, _id: -1 }],
])('an index lists %s, already sorted', async (_, filter, sort) => {
  const plan = await orders(db).find(filter).sort(sort).explain('queryPlanner');
  const stages = stagesOf(plan['queryPlanner'].winningPlan);
  expect(stages).toContain('IXSCAN');
  expect(stages).not.toContain('SORT');
  expect(stages).not.toContain('COLLSCAN');
});

test('an index finds orders by the beginnings of words', async () => {
  const filter: Filter<OrderDocument> = { $and: [{ search: /^ada/ }, { search: /^lov/ }] };
  const plan = await orders(db).find(filter).sort({ createdAt: -1, _id: -1 }).explain('queryPlanner');
  expect(JSON.stringify(plan['queryPlanner'].winningPlan)).toContain('search_1_createdAt_1__id_1');
});

test.each<[string, Filter<OrderDocument>]>([
  ['that owe an effect', { owedSince: { $gt: '' } }],
  ['that have owed an effect for long', { owedSince: { $lte: since } }],
  ['with a pending payment', { pendingSince: { $gte: '', $lte: since } }],
  ['with an unmatched fact', { unmatchedSince: { $gt: '' } }],
  ['that have stopped', withStopped],
])('an index with no other orders finds those %s', async (_, filter) => {
  const [field = ''] = Object.keys(filter);
  const sort: Sort = { [field]: 1, _id: 1 };
  const plan = await orders(db).find(filter).sort(sort).explain('queryPlanner');
  const { winningPlan } = plan['queryPlanner'];
  expect(stagesOf(winningPlan)).not.toContain('SORT');
  expect(JSON.stringify(winningPlan)).toContain(`"indexName":"${field}_present"`);
  const index = (await orders(db).indexes()).find(({ name }) => name === `${field}_present`);
  expect(index).toHaveProperty('partialFilterExpression', { [field]: { $exists: true } });
});

test('indexes of an earlier version are replaced, and a process of that version still starts', async () => {
  const fields = ['owedSince', 'pendingSince', 'unmatchedSince', 'stopped.since'];
  const earlier = fields.map((field) => ({ key: { [field]: 1, _id: 1 }, sparse: true }) as const);
  const before = (await orders(db).indexes()).map(({ name }) => name);
  await orders(db).dropIndexes();
  await orders(db).createIndexes(earlier);
  await ensureStateViewIndexes(orderLog, db);
  expect(new Set((await orders(db).indexes()).map(({ name }) => name))).toEqual(new Set(before));
  await orders(db).createIndexes(earlier);
  await ensureStateViewIndexes(orderLog, db);
  expect(new Set((await orders(db).indexes()).map(({ name }) => name))).toEqual(new Set(before));
});

function stagesOf(plan: Document): string[] {
  const inner: Document[] =
    plan['inputStage'] === undefined ? (plan['inputStages'] ?? []) : [plan['inputStage']];
  return [plan['stage'], ...inner.flatMap(stagesOf)];
}

function stateOf(log: Parameters<typeof fold>[0]) {
  const order = fold(log);
  if (order === undefined) throw new Error('the log is empty');
  return order;
}
