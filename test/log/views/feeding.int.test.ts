import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { NewerEvent } from '../../../src/log/entity.js';
import { Fenced } from '../../../src/log/leases/fencing.js';
import { feedState } from '../../../src/log/feed/generations.js';
import { journal } from '../../../src/log/journal/journal.js';
import { BuildFeeder } from '../../../src/log/views/feeding/build-feeder.js';
import { intervene, parkedAudit } from '../../../src/log/views/feeding/interventions.js';
import { listParked } from '../../../src/log/views/list-parked.js';
import { viewBuilds, buildsOf, takeOverFeeding } from '../../../src/log/views/view-builds.js';
import type { View } from '../../../src/log/views/view.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent, EventDraft } from '../../../src/order/events.js';
import type { Order } from '../../../src/order/order.js';
import { customers, findCustomer } from '../../../src/views/customers.js';
import { dailyStats, listDailyStats } from '../../../src/views/daily-stats.js';
import { productDemand } from '../../../src/views/product-demand.js';
import { views } from '../../../src/views/views.js';
import { create, dispatch, refund, ship } from '../../order/examples.js';
import { Scenario } from '../../order/specification.js';
import { logOf } from '../../support/database.js';
import {
  caughtUp,
  contentsOf,
  expectedContents,
  interleaved,
  manyStates,
  newLogs,
  openViews,
  parkedOf,
  publish,
} from './support.js';

const { db, run, runners } = await openViews();

/** A view whose fold fails for the events in `broken`. */
function breakable(broken: Set<string>): View<Order, EventDraft> {
  return {
    ...customers,
    fold(event, before, after) {
      if (broken.has(`${event.orderId}:${event.version}`)) throw new Error('This event cannot be applied.');
      return customers.fold(event, before, after);
    },
  };
}

const because = { actor: 'tester', reason: 'it is repaired' };

test.each(views.map((view) => [view.name, view] as const))(
  '%s has what its fold makes of each event',
  async (_, view) => {
    const logs = newLogs(...manyStates, ...manyStates);
    run(view);
    await publish(db, interleaved(...logs.slice(0, 9)));
    await publish(db, interleaved(...logs.slice(9)));
    await caughtUp(db, view);
    expect(await contentsOf(db, view)).toEqual(await expectedContents(db, view, logs));
  },
);

test('sums of money are exact at any size', async () => {
  const amount = Number.MAX_SAFE_INTEGER;
  const lines = [{ sku: 'A-1', quantity: 1, unitPrice: amount }];
  const customer = { id: 'c-rich', name: 'Rich Example' };
  const paid = Scenario.empty
    .do(create({ customer, lines, shippingFee: 0, tax: 0, discount: 0 }))
    .settleAll()
    .do(ship(), dispatch())
    .settleAll();
  const logs = [1, 2, 3].map(() => logOf(paid, randomUUID()));
  const small = logOf(paid.do(refund(2)).settleAll(), randomUUID());
  run(customers);
  run(dailyStats);
  // Publishes some events in one batch, and one log in another.
  await publish(db, interleaved(...logs));
  await caughtUp(db, customers);
  await publish(db, small);
  await caughtUp(db, customers);
  await caughtUp(db, dailyStats);
  const all = 4n * BigInt(amount);
  expect((await findCustomer(db, customer.id)).found?.lifetimeValue).toEqual({ EUR: all - 2n });
  const day = paid.now.slice(0, 10);
  const { found } = await listDailyStats(db, { from: day, to: day });
  expect(found).toEqual([expect.objectContaining({ revenue: all, refunds: 2, created: 4 })]);
});

test('an event is applied once, however often the view changes its feeder', async () => {
  const logs = newLogs(...manyStates, ...manyStates, ...manyStates);
  const events = interleaved(...logs);
  for (let from = 0; from < events.length; from += 20) {
    await publish(db, events.slice(from, from + 20));
    // The earlier runner does not notice this. It continues until a write is refused.
    await run(customers).hasBegun;
  }
  await caughtUp(db, customers);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, logs));
  const last = runners.at(-1);
  const ended = await Promise.all(runners.filter((runner) => runner !== last).map((runner) => runner.ended));
  expect(ended.every((error) => error instanceof Fenced)).toBe(true);
});

test('a write of a replaced feeder is refused, for the document and the position', async () => {
  const [log] = newLogs('completed');
  await publish(db, log ?? []);
  const older = new BuildFeeder(
    orderLog,
    db,
    customers,
    'active',
    await takeOverFeeding(orderLog, db, customers),
  );
  await takeOverFeeding(orderLog, db, customers);
  const events = await journal(orderLog, db).find().sort({ position: 1 }).toArray();
  expect(await older.apply(events as never)).toBe(false);
  expect(await contentsOf(db, customers)).toEqual([]);
  expect(await buildsOf(db, customers.name)).toMatchObject({ position: 0 });
});

test('an order that was not seen for a long time is folded from its journal', async () => {
  const [log] = newLogs('refunded');
  const events = log ?? [];
  for (const event of events) {
    await publish(db, [event]);
    const runner = run(customers);
    await caughtUp(db, customers);
    await runner.stop();
  }
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [events]));
});

test('an event restored after later ones is folded into the order as it was before them', async () => {
  const logs = newLogs('refunded', 'completed');
  const [[first, second, ...rest] = [], other = []] = logs;
  if (first === undefined || second === undefined) throw new Error('The log is too short.');
  run(dailyStats);
  await publish(db, [first, ...rest, second, ...other]);
  await caughtUp(db, dailyStats);
  expect(await parkedOf(db, dailyStats)).toEqual([]);
  expect(await contentsOf(db, dailyStats)).toEqual(await expectedContents(db, dailyStats, logs));
});

test('events of an order whose first events are lost for good are skipped, and other orders continue', async () => {
  const [lost = [], well = []] = newLogs('refunded', 'completed');
  const orderId = lost[0]?.orderId ?? '';
  await publish(db, [...lost.slice(4, 6), ...well]);
  await journal(orderLog, db).updateOne({ orderId, version: 5 }, { $set: { begins: true } });
  run(productDemand);
  await caughtUp(db, productDemand);
  await publish(db, lost.slice(6));
  await caughtUp(db, productDemand);
  expect(await parkedOf(db, productDemand)).toEqual([]);
  expect(await contentsOf(db, productDemand)).toEqual(await expectedContents(db, productDemand, [well]));
});

test('a view begins again after the database is emptied', async () => {
  const [first, second] = newLogs('completed', 'cancelled');
  const runner = run(customers);
  await publish(db, first ?? []);
  await caughtUp(db, customers);
  await Promise.all([
    journal(orderLog, db).deleteMany({}),
    feedState(db).deleteMany({}),
    viewBuilds(db).deleteMany({}),
  ]);
  expect(await runner.ended).toBeInstanceOf(Fenced);
  run(customers);
  await publish(db, second ?? []);
  await caughtUp(db, customers);
  expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [second ?? []]));
});

describe('an event that a view cannot apply', () => {
  async function withOneBroken() {
    const [sick = [], well = []] = newLogs('refunded', 'completed');
    const [, , third] = sick;
    const id = `${third?.orderId}:3`;
    const broken = new Set([id]);
    const view = breakable(broken);
    run(view);
    await publish(db, interleaved(sick.slice(0, 6), well));
    await caughtUp(db, view);
    return { sick, well, broken, view, id, orderId: third?.orderId ?? '' };
  }

  test('is parked, later events of its order wait for it, and other orders continue', async () => {
    const { sick, well, view, orderId } = await withOneBroken();
    expect(await parkedOf(db, view)).toMatchObject([
      { orderId, version: 3, status: 'parked', error: 'This event cannot be applied.' },
      ...sick.slice(3, 6).map(({ version }) => ({ orderId, version, status: 'waiting' })),
    ]);
    expect(await contentsOf(db, view)).toEqual(
      await expectedContents(db, customers, [sick.slice(0, 2), well]),
    );
    await publish(db, sick.slice(6, 8));
    await caughtUp(db, view);
    expect(await parkedOf(db, view)).toHaveLength(6);
    expect(await buildsOf(db, view.name)).toMatchObject({ parked: 6 });
    expect(await listParked(db, view, { limit: 2 })).toHaveLength(2);
  });

  test('is applied with the waiting events when it is retried after the view is repaired', async () => {
    const { sick, well, view, broken, orderId } = await withOneBroken();
    broken.clear();
    expect(await intervene(orderLog, db, view, { action: 'retry', orderId, ...because })).toEqual({
      kind: 'done',
      applied: 4,
      remaining: 0,
    });
    await publish(db, sick.slice(6));
    await caughtUp(db, view);
    expect(await contentsOf(db, view)).toEqual(await expectedContents(db, customers, [sick, well]));
    expect(await buildsOf(db, view.name)).toMatchObject({ parked: 0 });
    expect(await parkedAudit(db).find().toArray()).toMatchObject([
      { view: view.name, orderId, version: 3, action: 'retry', applied: 4, ...because },
    ]);
  });

  test('stays parked while the view is not repaired', async () => {
    const { view, orderId } = await withOneBroken();
    const error = 'This event cannot be applied.';
    expect(await intervene(orderLog, db, view, { action: 'retry', orderId, ...because })).toEqual({
      kind: 'done',
      applied: 0,
      remaining: 4,
      parked: { version: 3, error },
    });
    expect(await parkedAudit(db).findOne()).toMatchObject({ applied: 0, error });
  });

  test('is left out when it is skipped, and the next failing event parks its order again', async () => {
    const { sick, view, broken, orderId } = await withOneBroken();
    broken.add(`${orderId}:5`);
    expect(
      await intervene(orderLog, db, view, { action: 'skip', orderId, version: 3, ...because }),
    ).toMatchObject({
      applied: 1,
      remaining: 2,
      parked: { version: 5 },
    });
    expect(await parkedOf(db, view)).toMatchObject([
      { version: 5, status: 'parked' },
      { version: 6, status: 'waiting' },
    ]);
    expect(await intervene(orderLog, db, view, { action: 'skip', orderId, ...because })).toMatchObject({
      remaining: 0,
    });
    await publish(db, sick.slice(6));
    await caughtUp(db, view);
    expect(await parkedOf(db, view)).toEqual([]);
  });

  describe('stays parked while the journal lacks it', () => {
    /** Deletes an event from the journal. @returns a function that restores it */
    async function lose(orderId: string, version: number): Promise<() => Promise<unknown>> {
      const lost = await journal(orderLog, db).findOneAndDelete({ orderId, version });
      if (lost === null) throw new Error(`The journal lacks version ${version} already.`);
      return () => journal(orderLog, db).insertOne(lost);
    }

    const lacks = (orderId: string, version: number) =>
      `The journal of order ${orderId} lacks version ${version}.`;

    test('wherever it waits, and is applied when the journal has it again', async () => {
      const { sick, well, view, broken, orderId } = await withOneBroken();
      broken.clear();
      const [, , fifth, sixth] = await parkedOf(db, view);
      const retry = { action: 'retry', orderId, ...because } as const;
      const putBack = await lose(orderId, 5);
      const error = lacks(orderId, 5);
      const parked = { version: 5, error };
      expect(await intervene(orderLog, db, view, retry)).toEqual({
        kind: 'done',
        applied: 2,
        remaining: 2,
        parked,
      });
      expect(await parkedOf(db, view)).toEqual([
        { ...fifth, status: 'parked', error, at: expect.any(String) },
        sixth,
      ]);
      await putBack();
      const putLastBack = await lose(orderId, 6);
      expect(await intervene(orderLog, db, view, retry)).toMatchObject({
        applied: 1,
        remaining: 1,
        parked: { version: 6 },
      });
      await putLastBack();
      expect(await intervene(orderLog, db, view, retry)).toEqual({ kind: 'done', applied: 1, remaining: 0 });
      expect(await contentsOf(db, view)).toEqual(
        await expectedContents(db, customers, [sick.slice(0, 6), well]),
      );
    });

    test('and if it is skipped, nothing else is', async () => {
      const { view, orderId } = await withOneBroken();
      await lose(orderId, 3);
      expect(await intervene(orderLog, db, view, { action: 'skip', orderId, ...because })).toEqual({
        kind: 'done',
        applied: 0,
        remaining: 3,
        parked: { version: 4, error: lacks(orderId, 3) },
      });
    });
  });

  test('is unchanged if the request names another version, or if nothing is parked', async () => {
    const { view, orderId } = await withOneBroken();
    expect(await intervene(orderLog, db, view, { action: 'skip', orderId, version: 4, ...because })).toEqual({
      kind: 'other_version',
      version: 3,
    });
    const other = { action: 'skip', orderId: 'o-unknown', ...because } as const;
    expect(await intervene(orderLog, db, view, other)).toEqual({ kind: 'nothing_parked' });
    expect(
      await intervene(orderLog, db, { ...view, version: view.version + 1 }, { ...other, orderId }),
    ).toEqual({
      kind: 'other_view_version',
      version: view.version,
    });
    expect(await parkedAudit(db).countDocuments()).toBe(0);
  });

  test('is retried with an event that was restored after it, and with none in between', async () => {
    const [log = []] = newLogs('refunded');
    const orderId = log[0]?.orderId ?? '';
    const view: View<Order, EventDraft> = {
      ...customers,
      fold: ({ version }) => [{ id: orderId, add: { [`v${version}`]: 1 } }],
    };
    const runner = run(view);
    await publish(db, log.slice(0, 4));
    await caughtUp(db, view);
    await runner.stop();
    await journal(orderLog, db).deleteOne({ orderId, version: 2 });
    run(view);
    // The view must read version 5 while version 2 is missing, or nothing is parked.
    await publish(db, log.slice(4, 5));
    await caughtUp(db, view);
    await publish(db, log.slice(1, 2));
    await caughtUp(db, view);
    expect(await parkedOf(db, view)).toMatchObject([{ version: 5 }, { version: 2 }]);
    expect(await intervene(orderLog, db, view, { action: 'retry', orderId, ...because })).toMatchObject({
      applied: 2,
    });
    expect(await contentsOf(db, view)).toEqual([{ _id: orderId, v1: 1, v2: 2, v3: 1, v4: 1, v5: 1 }]);
  });

  test('is retried during a stream of events, and none is lost or applied twice', async () => {
    const { sick, well, view, broken, orderId } = await withOneBroken();
    broken.clear();
    const more = newLogs(...manyStates);
    const stream = async (events: readonly OrderEvent[]) => {
      for (const event of events) await publish(db, [event]);
    };
    const [, ...outcomes] = await Promise.all([
      stream(interleaved(sick.slice(6), ...more)),
      ...[1, 2, 3].map(() => intervene(orderLog, db, view, { action: 'retry', orderId, ...because })),
    ]);
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['done', 'nothing_parked', 'nothing_parked']);
    await caughtUp(db, view);
    await intervene(orderLog, db, view, { action: 'retry', orderId, ...because });
    expect(await contentsOf(db, view)).toEqual(await expectedContents(db, customers, [sick, well, ...more]));
    expect(await buildsOf(db, view.name)).toMatchObject({ parked: 0 });
  });

  test('is parked also if the journal itself has a gap, and other orders continue', async () => {
    const [gapped = [], well = []] = newLogs('completed', 'completed');
    run(productDemand);
    await publish(db, [...gapped.slice(2), ...well]);
    await caughtUp(db, productDemand);
    const [first, ...others] = await parkedOf(db, productDemand);
    expect(first?.error).toContain('lacks version 1');
    expect(others.every(({ status }) => status === 'waiting')).toBe(true);
    expect(await contentsOf(db, productDemand)).toEqual(await expectedContents(db, productDemand, [well]));
  });
});

describe('an event that was altered and is unreadable', () => {
  const altered: readonly (readonly [string, object])[] = [
    ['its version', { schemaVersion: 0 }],
    ['its data', { data: null }],
  ];

  async function alter({ orderId, version }: OrderEvent, change: object): Promise<void> {
    await journal(orderLog, db).updateOne({ _id: `${orderId}:${version}` }, { $set: change });
  }

  test.each(altered)('(%s) is parked by every view, and applied once it is repaired', async (_, change) => {
    const [sick = [], well = []] = newLogs('refunded', 'completed');
    const [, second] = sick;
    if (second === undefined) throw new Error('It has two events.');
    await publish(db, interleaved(sick, well));
    await alter(second, change);
    for (const view of views) run(view);
    for (const view of views) {
      await caughtUp(db, view);
      expect(await parkedOf(db, view)).toMatchObject([
        { version: 2, status: 'parked', error: expect.anything() },
        ...sick.slice(2).map(({ version }) => ({ version, status: 'waiting' })),
      ]);
      expect(await contentsOf(db, view)).toEqual(await expectedContents(db, view, [sick.slice(0, 1), well]));
    }
    const retry = { action: 'retry', orderId: second.orderId, ...because } as const;
    expect(await intervene(orderLog, db, customers, retry)).toMatchObject({
      applied: 0,
      parked: { version: 2 },
    });
    await alter(second, second);
    for (const view of views) {
      expect(await intervene(orderLog, db, view, retry)).toMatchObject({
        applied: sick.length - 1,
        remaining: 0,
      });
      expect(await contentsOf(db, view)).toEqual(await expectedContents(db, view, [sick, well]));
    }
  });

  test('parks only later events of its order if a view has it already', async () => {
    const [sick = [], well = []] = newLogs('refunded', 'completed');
    const [first, , third] = sick;
    if (first === undefined || third === undefined) throw new Error('It has three events.');
    const before = run(customers);
    await publish(db, sick.slice(0, 2));
    await caughtUp(db, customers);
    await before.stop();
    await alter(first, { schemaVersion: 0 });
    run(customers);
    await publish(db, interleaved(sick.slice(2, 4), well));
    await caughtUp(db, customers);
    expect(await parkedOf(db, customers)).toMatchObject([
      { version: 3, status: 'parked', error: expect.stringContaining(`is ${first.type}@0`) },
      { version: 4, status: 'waiting' },
    ]);
    expect(await contentsOf(db, customers)).toEqual(
      await expectedContents(db, customers, [sick.slice(0, 2), well]),
    );
  });

  test.each([
    ['version', { schemaVersion: 99 }],
    ['type', { type: 'GiftWrapped' }],
  ])('stops the view and is not parked if newer code wrote its %s', async (_, change) => {
    const [newer = [], well = []] = newLogs('completed', 'completed');
    const [, second] = newer;
    if (second === undefined) throw new Error('It has two events.');
    await publish(db, interleaved(newer, well));
    await alter(second, change);
    expect(await run(customers).ended).toBeInstanceOf(NewerEvent);
    expect(await buildsOf(db, customers.name)).toMatchObject({ position: 0, parked: 0 });
    await alter(second, second);
    run(customers);
    await caughtUp(db, customers);
    expect(await contentsOf(db, customers)).toEqual(await expectedContents(db, customers, [newer, well]));
  });
});

test('daily statistics have the events of a day, and the outcomes of the orders created on it', async () => {
  const logs = newLogs('refunded', 'cancelled', 'rejected', 'expired');
  run(dailyStats);
  await publish(db, interleaved(...logs));
  await caughtUp(db, dailyStats);
  const days = await contentsOf(db, dailyStats);
  expect(days[0]).toMatchObject({
    _id: '2026-01-01:EUR',
    created: 4,
    createdAndCancelled: 1,
    cancelled: 1,
    rejected: 1,
    confirmed: 2,
  });
  expect(days[1]).toMatchObject({ _id: '2026-01-02:EUR', expired: 1 });
});
