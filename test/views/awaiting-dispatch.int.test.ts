import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { journal } from '../../src/log/journal/journal.js';
import { intervene } from '../../src/log/views/feeding/interventions.js';
import { buildsOf, rollBack } from '../../src/log/views/view-builds.js';
import { rebuildFeedView } from '../../src/log/rebuilding/rebuild-feed-view.js';
import type { EntityView } from '../../src/log/views/view.js';
import { orderLog } from '../../src/order-log.js';
import type { OrderEvent, EventDraft } from '../../src/order/events.js';
import type { Order } from '../../src/order/order.js';
import { awaitingDispatch, listAwaitingDispatch } from '../../src/views/awaiting-dispatch.js';
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
} from '../log/views/support.js';
import {
  allLines,
  cancel,
  deliver,
  dispatch,
  hold,
  oneOfA,
  oneOfB,
  release,
  ship,
  states,
} from '../order/examples.js';
import type { Scenario } from '../order/specification.js';
import { logOf } from '../support/database.js';

const { db, run } = await openViews();
const because = { actor: 'tester', reason: 'it is repaired' };
const all = { page: { limit: 100 } };

/** The list after the log of one order. */
async function listedAfter(scenario: Scenario) {
  const log = logOf(scenario, randomUUID());
  run(awaitingDispatch);
  await publish(db, log);
  await caughtUp(db, awaitingDispatch);
  const { found, asOf } = await listAwaitingDispatch(db, all);
  expect(asOf.position).toBe(log.length);
  return { found, log, orderId: log[0].orderId };
}

function createdAt(log: readonly OrderEvent[]): readonly string[] {
  return log.filter(({ type }) => type === 'ShipmentCreated').map(({ occurredAt }) => occurredAt);
}

describe('a shipment', () => {
  test('is listed from its creation, with its order and customer', async () => {
    const { found, log, orderId } = await listedAfter(states.readyToDispatch.wait(60_000));
    const [since] = createdAt(log);
    const customer = { id: 'c-1', name: 'Ada Example' };
    expect(found).toEqual([{ orderId, shipmentId: 's1', customer, lines: allLines, since, held: false }]);
  });

  test('is listed separately from others of its order', async () => {
    const { found, log } = await listedAfter(states.confirmed.do(ship(oneOfA)).wait(60_000).do(ship(oneOfB)));
    const [first, second] = createdAt(log);
    expect(found).toMatchObject([
      { shipmentId: 's1', lines: [oneOfA], since: first },
      { shipmentId: 's2', lines: [oneOfB], since: second },
    ]);
  });

  test('is listed as held while its order is', async () => {
    const { found } = await listedAfter(states.readyToDispatch.do(hold));
    expect(found).toMatchObject([{ shipmentId: 's1', held: true, holdReason: 'check the address' }]);
  });

  test('is no longer held after the release', async () => {
    const { found } = await listedAfter(states.readyToDispatch.do(hold).wait(60_000).do(release));
    expect(found).toMatchObject([{ shipmentId: 's1', held: false }]);
    expect(found[0]).not.toHaveProperty('holdReason');
  });

  test('is listed as held if another shipment of its order could not be charged', async () => {
    const { found } = await listedAfter(
      states.confirmed
        .do(ship(oneOfA), ship(oneOfB), dispatch())
        .settle('deduct')
        .settle('capture', { type: 'declined', code: 'no_funds' }),
    );
    expect(found).toMatchObject([{ shipmentId: 's2', held: true }]);
  });

  test.each([
    ['once it is dispatched', states.readyToDispatch.do(dispatch())],
    ['once it is delivered', states.onItsWay.do(deliver())],
    ['once its order is cancelled', states.readyToDispatch.do(cancel)],
    ['once what is left of its order is cancelled', states.partlyDispatched.do(ship(), cancel)],
    ['once its order is completed', states.completed],
  ])('is not listed %s', async (_, scenario) => {
    expect((await listedAfter(scenario)).found).toEqual([]);
    expect(await contentsOf(db, awaitingDispatch)).toEqual([]);
  });
});

test('the oldest shipment comes first, and each is on one page, with or without a filter', async () => {
  const steps = [1, 2, 3, 4].map((hours) => states.confirmed.wait(hours * 3_600_000));
  const logs = [
    ...steps.map((confirmed) =>
      logOf(confirmed.do(ship(oneOfA)).wait(90_000).do(ship(oneOfB)), randomUUID()),
    ),
    // Several orders with the same time.
    ...[1, 2, 3].map(() => logOf(states.partlyInShipment.do(hold), randomUUID())),
  ];
  run(awaitingDispatch);
  await publish(db, interleaved(...logs));
  await caughtUp(db, awaitingDispatch);
  const everything = (await listAwaitingDispatch(db, all)).found;
  expect(everything).toHaveLength(11);
  const keyOf = ({ since, orderId, shipmentId }: (typeof everything)[number]) =>
    `${since} ${orderId} ${shipmentId}`;
  expect(everything.map(keyOf)).toEqual(everything.map(keyOf).toSorted());
  for (const filter of [{}, { sku: 'A-1' }, { held: true }, { held: false, sku: 'B-2' }]) {
    const expected = everything.filter(
      ({ held, lines }) =>
        (filter.held ?? held) === held && lines.some(({ sku }) => (filter.sku ?? sku) === sku),
    );
    expect(expected).not.toEqual([]);
    const paged: (typeof everything)[number][] = [];
    for (;;) {
      const last = paged.at(-1);
      const after = last === undefined ? {} : { after: [last.since, last.orderId, last.shipmentId] };
      const { found } = await listAwaitingDispatch(db, { ...filter, page: { limit: 2, ...after } });
      if (found.length === 0) break;
      paged.push(...found);
    }
    expect(paged).toEqual(expected);
  }
});

function withoutFirst(type: OrderEvent['type'], log: readonly OrderEvent[]) {
  const index = log.findIndex((event) => event.type === type);
  const event = log[index];
  if (event === undefined) throw new Error(`There is no ${type}.`);
  return { event, rest: log.toSpliced(index, 1) };
}

test.each(['readyToDispatch', 'heldWithShipment', 'onItsWay'] as const)(
  'events that reach the feed after later ones of their order give the same list (%s)',
  async (name) => {
    const logs = newLogs(name, name, name);
    const [one = [], two = [], three = []] = logs;
    const created = withoutFirst('ShipmentCreated', one);
    const confirmed = withoutFirst('OrderConfirmed', two);
    const first = withoutFirst('OrderCreated', three);
    const late = [created, confirmed, first].flatMap(({ rest, event }) => [...rest, event]);
    run(awaitingDispatch);
    await publish(db, late);
    await caughtUp(db, awaitingDispatch);
    expect(await parkedOf(db, awaitingDispatch)).toEqual([]);
    expect(await contentsOf(db, awaitingDispatch)).toEqual(
      await expectedContents(db, awaitingDispatch, logs),
    );
  },
);

test('a shipment whose dispatch was lost and has come back is removed, also after a rebuild', async () => {
  const logs = newLogs('onItsWay');
  const { event, rest } = withoutFirst('ShipmentDispatched', logs[0] ?? []);
  run(awaitingDispatch);
  await publish(db, [...rest, event]);
  await caughtUp(db, awaitingDispatch);
  expect(await contentsOf(db, awaitingDispatch)).toEqual([]);
  const { signal } = new AbortController();
  const rebuildId = randomUUID();
  expect(
    await rebuildFeedView(orderLog, awaitingDispatch, { db, rebuildId, signal, heartbeat: () => undefined }),
  ).toBe(true);
  await caughtUp(db, awaitingDispatch);
  expect(await contentsOf(db, awaitingDispatch)).toEqual([]);
});

test('a feeder without a cache does not bring a dispatched shipment back', async () => {
  const [log = []] = newLogs('onItsWay');
  const { event, rest } = withoutFirst('ShipmentCreated', log);
  const id = `${event.orderId}:${event.version}`;
  // An event that was recorded in time, and got its position last.
  const recordedAt = event.occurredAt;
  await journal(orderLog, db).insertOne({ ...event, _id: id, recordedAt, unsequenced: true });
  const head = await publish(db, rest);
  const runner = run(awaitingDispatch);
  await caughtUp(db, awaitingDispatch);
  await runner.stop();
  await journal(orderLog, db).updateOne(
    { _id: id },
    { $set: { position: head + 1 }, $unset: { unsequenced: '' } },
  );
  run(awaitingDispatch);
  await caughtUp(db, awaitingDispatch);
  expect(await buildsOf(db, awaitingDispatch.name)).toMatchObject({ position: head + 1 });
  expect(await parkedOf(db, awaitingDispatch)).toEqual([]);
  expect(await contentsOf(db, awaitingDispatch)).toEqual([]);
});

test('each event is folded once, however often the view changes its feeder', async () => {
  const logs = newLogs(...manyStates, ...manyStates);
  const events = interleaved(...logs);
  for (let from = 0; from < events.length; from += 20) {
    await publish(db, events.slice(from, from + 20));
    run(awaitingDispatch);
  }
  await caughtUp(db, awaitingDispatch);
  expect(await contentsOf(db, awaitingDispatch)).toEqual(await expectedContents(db, awaitingDispatch, logs));
});

test('a rebuild during writes gives the same list, and a roll-back catches up', async () => {
  const logs = newLogs(...manyStates, ...manyStates, 'partlyInShipment', 'partlyDispatched');
  const events = interleaved(...logs);
  run(awaitingDispatch);
  await publish(db, events.slice(0, 100));
  await caughtUp(db, awaitingDispatch);
  const stream = (async () => {
    for (let from = 100; from < events.length; from += 5) await publish(db, events.slice(from, from + 5));
  })();
  const signal = new AbortController().signal;
  const rebuildId = randomUUID();
  expect(
    await rebuildFeedView(orderLog, awaitingDispatch, { db, rebuildId, signal, heartbeat: () => undefined }),
  ).toBe(true);
  await stream;
  await caughtUp(db, awaitingDispatch);
  const expected = await expectedContents(db, awaitingDispatch, logs);
  expect(expected).not.toEqual([]);
  expect(await buildsOf(db, awaitingDispatch.name)).toMatchObject({ rebuildId });
  expect(await contentsOf(db, awaitingDispatch)).toEqual(expected);
  await rollBack(db, awaitingDispatch.name);
  await caughtUp(db, awaitingDispatch);
  expect(await contentsOf(db, awaitingDispatch)).toEqual(expected);
});

describe('an event that the view cannot apply', () => {
  /** The view cannot apply the order's `ShipmentCreated`, for as long as it is in `broken`. */
  async function withOneBroken() {
    const [sick = [], well = []] = newLogs('heldWithShipment', 'readyToDispatch');
    const orderId = sick[0]?.orderId ?? '';
    const broken = new Set([orderId]);
    const view: EntityView<Order, EventDraft> = {
      ...awaitingDispatch,
      fold(document, event, order) {
        if (event.type === 'ShipmentCreated' && broken.has(event.orderId))
          throw new Error('It cannot be applied.');
        return awaitingDispatch.fold(document as never, event, order);
      },
    };
    run(view);
    await publish(db, interleaved(sick, well));
    await caughtUp(db, view);
    return { sick, well, orderId, broken, view };
  }

  test('is parked, later events of its order wait, and other orders continue', async () => {
    const { well, orderId, view } = await withOneBroken();
    expect(await parkedOf(db, view)).toMatchObject([
      { orderId, status: 'parked', type: 'ShipmentCreated', error: 'It cannot be applied.' },
      { orderId, status: 'waiting', type: 'OrderHeld' },
    ]);
    expect(await contentsOf(db, view)).toEqual(await expectedContents(db, awaitingDispatch, [well]));
  });

  test('is applied with the waiting events when it is retried', async () => {
    const { sick, well, orderId, broken, view } = await withOneBroken();
    broken.clear();
    expect(await intervene(orderLog, db, view, { action: 'retry', orderId, ...because })).toMatchObject({
      applied: 2,
      remaining: 0,
    });
    expect(await contentsOf(db, view)).toEqual(await expectedContents(db, awaitingDispatch, [sick, well]));
  });

  test('leaves the document unchanged if it is skipped, and its order continues', async () => {
    const { sick, orderId, view } = await withOneBroken();
    expect(await intervene(orderLog, db, view, { action: 'skip', orderId, ...because })).toMatchObject({
      applied: 1,
      remaining: 0,
    });
    // The fold of the next event reads the shipment from the order's state.
    const held = sick.at(-1)?.occurredAt;
    const { found } = await listAwaitingDispatch(db, { held: true, ...all });
    expect(found).toMatchObject([{ orderId, shipmentId: 's1', since: held }]);
  });

  test('is applied also if it is restored after the events that wait for it', async () => {
    const [log = []] = newLogs('heldWithShipment');
    const { event, rest } = withoutFirst('ShipmentCreated', log);
    run(awaitingDispatch);
    await publish(db, rest);
    await caughtUp(db, awaitingDispatch);
    expect(await parkedOf(db, awaitingDispatch)).toMatchObject([{ type: 'OrderHeld', status: 'parked' }]);
    await publish(db, [event]);
    await caughtUp(db, awaitingDispatch);
    const { orderId } = event;
    expect(
      await intervene(orderLog, db, awaitingDispatch, { action: 'retry', orderId, ...because }),
    ).toMatchObject({
      applied: 2,
      remaining: 0,
    });
    expect(await contentsOf(db, awaitingDispatch)).toEqual(
      await expectedContents(db, awaitingDispatch, [log]),
    );
  });
});
