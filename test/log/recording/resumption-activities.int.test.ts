import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, test } from '@jest/globals';
import { forks } from '../../../src/log/journal/fork.js';
import { ensureJournalIndexes } from '../../../src/log/journal/journal.js';
import { readJournal } from '../../../src/log/journal/read-journal.js';
import { createRecorder, record } from '../../../src/log/recording/recording.js';
import { createResumptionActivities } from '../../../src/log/recording/resumption-activities.js';
import { eventsSetAside } from '../../../src/log/journal/set-aside.js';
import { orderLog } from '../../../src/order-log.js';
import { orders } from '../../../src/views/orders.js';
import { note, states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';

const database = await openDatabase();
const { db } = database;
await ensureJournalIndexes(orderLog, db);
afterAll(() => database.close());

/**
 * Four events, then `OrderResumed`, a note in the new run, and two in the one that was replaced.
 */
function resumedOrder() {
  const orderId = randomUUID();
  const log = logOf(states.resumed.do(note), orderId);
  const replaced = logOf(states.confirmed.do(note, note), orderId);
  return { orderId, log, before: log.slice(0, 4), resumption: log.slice(4, 5), next: log.slice(5), replaced };
}

async function versions(orderId: string): Promise<readonly string[]> {
  return (await readJournal(orderLog, db, orderId)).map(({ version, type }) => `${version} ${type}`);
}

describe('a step of a replaced run records nothing, and is not a fork', () => {
  test.each(['a worker that remembers the order', 'a worker that does not'])('by %s', async (who) => {
    const { orderId, before, resumption, next, replaced } = resumedOrder();
    const worker = createRecorder(orderLog, db);
    await worker.record(before);
    await worker.record(resumption, 5);
    const other = who.includes('not') ? createRecorder(orderLog, db) : worker;
    for (const late of [replaced.slice(4), replaced.slice(4, 5), replaced.slice(5)])
      await expect(other.record(late)).rejects.toMatchObject({ type: 'Superseded', nonRetryable: true });
    // The replaced run may repeat events that the journal already has.
    await other.record(before);
    await other.record(next, 5);
    expect((await versions(orderId)).slice(4)).toEqual(['5 OrderResumed', '6 NoteAdded']);
    expect((await readJournal(orderLog, db, orderId)).at(-1)).toMatchObject(next[0] ?? {});
    expect(await forks(orderLog, db).findOne({ _id: orderId })).toBeNull();
    expect(await orders(db).findOne({ _id: orderId })).toMatchObject({ version: 6 });
    expect(await orders(db).findOne({ _id: orderId })).not.toHaveProperty('stopped');
  });
});

describe('a resumption is claimed', () => {
  test('once, unless another event took its version, which has to be loaded first', async () => {
    const { orderId, before, resumption, replaced } = resumedOrder();
    const { claimResumption } = createResumptionActivities(orderLog, db);
    const [claim, late] = [resumption[0], replaced[4]];
    if (claim === undefined || late === undefined) throw new Error('There is none.');
    await record(orderLog, db, before);
    expect(await claimResumption({ resumption: claim })).toBe(true);
    expect(await claimResumption({ resumption: claim })).toBe(true);
    expect(await claimResumption({ resumption: { ...claim, commandId: 'another' } })).toBe(false);
    expect((await versions(orderId)).at(-1)).toBe('5 OrderResumed');

    const other = resumedOrder();
    await record(orderLog, db, other.replaced.slice(0, 5));
    expect(await claimResumption({ resumption: { ...claim, orderId: other.orderId } })).toBe(false);
    expect((await versions(other.orderId)).at(-1)).toBe('5 NoteAdded');
  });

  test('and events recorded after a gap are set aside', async () => {
    const { orderId, before, resumption, next, replaced } = resumedOrder();
    const { claimResumption } = createResumptionActivities(orderLog, db);
    await record(orderLog, db, before);
    await record(orderLog, db, replaced.slice(5));
    const [claim] = resumption;
    if (claim === undefined) throw new Error('There is none.');
    expect(await claimResumption({ resumption: claim })).toBe(true);
    expect(await eventsSetAside(orderLog, db).find({ orderId }).toArray()).toEqual([
      expect.objectContaining({ version: 6, causationId: replaced[5]?.causationId }),
    ]);
    await record(orderLog, db, [claim, ...next], { resumption: 5 });
    expect((await versions(orderId)).slice(4)).toEqual(['5 OrderResumed', '6 NoteAdded']);
    expect(await orders(db).findOne({ _id: orderId })).toMatchObject({ version: 6 });
  });
});

test('a log is loaded as it was decided, in pages, up to a gap', async () => {
  const { orderId, before } = resumedOrder();
  const { loadLog } = createResumptionActivities(orderLog, db);
  await record(orderLog, db, before.slice(0, 2));
  await record(orderLog, db, before.slice(3));
  expect(await loadLog({ orderId, after: 0 })).toEqual(before.slice(0, 2));
  expect(await loadLog({ orderId, after: 1 })).toEqual(before.slice(1, 2));
  expect(await loadLog({ orderId, after: 2 })).toEqual([]);
  await record(orderLog, db, before.slice(2));
  expect(await loadLog({ orderId, after: 2 })).toEqual(before.slice(2));
});
