import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { journal } from '../../../src/log/journal/journal.js';
import type { PositionedEvent } from '../../../src/log/feed/feed.js';
import { BuildFeeder } from '../../../src/log/views/feeding/build-feeder.js';
import { intervene, parkedAudit } from '../../../src/log/views/feeding/interventions.js';
import { buildsOf, takeOverFeeding } from '../../../src/log/views/view-builds.js';
import type { EntityView, SummaryView, View } from '../../../src/log/views/view.js';
import { orderLog } from '../../../src/order-log.js';
import type { EventDraft, OrderEvent } from '../../../src/order/events.js';
import type { Order } from '../../../src/order/order.js';
import { contentsOf, expectedContents, newLogs, openViews, parkedOf } from './support.js';

/*
 * Events that a view receives in another order than that of their versions: some were lost and
 * restored after later ones had their positions.
 */

const { db } = await openViews();
const because = { actor: 'tester', reason: 'it is repaired' };

/** Counts each event, and the state that it was folded from. */
const counts: SummaryView<Order, EventDraft> = {
  name: 'counts',
  version: 1,
  indexes: [],
  fold: ({ orderId, version }, before, after) => [
    { id: orderId, add: { [`v${version}`]: 1, [`from${before?.version ?? 0}to${after.version}`]: 1 } },
  ],
};

interface Trace {
  readonly versions: readonly number[];
}

/** Lists the versions that were folded. Version 3 deletes the document. */
const traces: EntityView<Order, EventDraft, Trace> = {
  name: 'traces',
  version: 1,
  keyedBy: 'entity',
  indexes: [],
  fold: (document, { version }) =>
    version === 3 ? undefined : { versions: [...(document?.versions ?? []), version] },
};

const kinds: readonly (readonly [string, View<Order, EventDraft>])[] = [
  ['a summary', counts],
  ['a document for each entity', traces],
];

/** A view whose fold fails for the versions in `broken`. */
function breakable(view: View<Order, EventDraft>, broken: ReadonlySet<number>): View<Order, EventDraft> {
  const check = ({ version }: OrderEvent) => {
    if (broken.has(version)) throw new Error('This event cannot be applied.');
  };
  if (view.keyedBy === undefined) {
    const { fold } = view;
    return { ...view, fold: (event, before, after) => (check(event), fold(event, before, after)) };
  }
  return {
    ...view,
    fold: (document: object | undefined, event: OrderEvent, order: Order) => (
      check(event),
      view.fold(document, event, order)
    ),
  };
}

/** A feed whose order the test decides, and a feeder of one view. */
async function openFeed(view: View<Order, EventDraft>) {
  let head = 0;
  let feeder = new BuildFeeder(orderLog, db, view, 'active', await takeOverFeeding(orderLog, db, view));
  const resumed = async () => {
    const builds = await buildsOf(db, view.name);
    if (builds === undefined) throw new Error('The view has no build.');
    return builds;
  };
  return {
    /** Puts events into the journal, without positions. */
    async record(...events: readonly OrderEvent[]): Promise<void> {
      if (events.length === 0) return;
      await journal(orderLog, db).insertMany(
        events.map((event) => ({
          ...event,
          _id: `${event.orderId}:${event.version}`,
          recordedAt: event.occurredAt,
          unsequenced: true,
        })),
      );
    },
    async lose({ orderId, version }: OrderEvent): Promise<void> {
      await journal(orderLog, db).deleteOne({ orderId, version });
    },
    /** Gives recorded events the next positions, and feeds them to the view as one batch. */
    async feed(...events: readonly OrderEvent[]): Promise<void> {
      const batch: PositionedEvent[] = [];
      for (const { orderId, version } of events) {
        head += 1;
        const event = await journal(orderLog, db).findOneAndUpdate(
          { orderId, version },
          { $set: { position: head }, $unset: { unsequenced: '' } },
          { returnDocument: 'after', projection: { _id: 0 } },
        );
        if (event === null) throw new Error(`Version ${version} is not recorded.`);
        batch.push({ ...event, position: head });
      }
      if (await feeder.apply(batch)) return;
      const builds = await resumed();
      feeder.resume(builds);
      expect(await feeder.apply(batch.filter(({ position }) => position > builds.position))).toBe(true);
    },
    /** Another process takes over: it has no states in memory. */
    async restart(): Promise<void> {
      feeder = new BuildFeeder(orderLog, db, view, 'active', await resumed());
    },
    async retryAll(by: View<Order, EventDraft> = view): Promise<void> {
      for (const orderId of new Set((await parkedOf(db, view)).map((event) => event.orderId)))
        await intervene(orderLog, db, by, { action: 'retry', orderId, ...because });
    },
  };
}

function firstOf(count: number): readonly OrderEvent[] {
  const [log = []] = newLogs('refunded');
  return log.slice(0, count);
}

/** The events of a log with these versions, in this sequence. */
function versionsOf(log: readonly OrderEvent[], ...versions: readonly number[]): readonly OrderEvent[] {
  return versions.flatMap((version) => log[version - 1] ?? []);
}

describe.each(kinds)('%s', (_, view) => {
  const expected = (...logs: (readonly OrderEvent[])[]) => expectedContents(db, view, logs);

  test('is the fold by version, for any sequence of the feed, any batches and any restarts', async () => {
    const events = 4;
    const names = ['refunded', 'cancelled', 'completed'] as const;
    const plans = fc.record({
      sequence: fc.shuffledSubarray(
        names.flatMap((_name, entity) =>
          Array.from({ length: events }, (__, index) => ({ entity, version: index + 1 })),
        ),
        { minLength: names.length * events },
      ),
      /** by order: events that are restored only when they get their positions */
      restored: fc.array(fc.subarray([1, 2, 3, 4]), { minLength: 3, maxLength: 3 }),
      /** versions that the view cannot apply, until it is repaired at the end */
      broken: fc.subarray([2, 4]),
      batches: fc.array(
        fc.record({ size: fc.integer({ min: 1, max: 6 }), restarts: fc.boolean(), retries: fc.boolean() }),
        { minLength: names.length * events, maxLength: names.length * events },
      ),
    });
    await fc.assert(
      fc.asyncProperty(plans, async ({ sequence, restored, broken, batches }) => {
        const own: View<Order, EventDraft> = { ...view, name: `${view.name}-${randomUUID()}` };
        await journal(orderLog, db).deleteMany({});
        const logs = newLogs(...names).map((log) => log.slice(0, events));
        const isRestored = (version: number, entity: number) => restored[entity]?.includes(version) ?? false;
        const feed = await openFeed(breakable(own, new Set(broken)));
        await feed.record(
          ...logs.flatMap((log, entity) => log.filter(({ version }) => !isRestored(version, entity))),
        );
        let rest = sequence;
        for (const { size, restarts, retries } of batches) {
          const batch = rest
            .slice(0, size)
            .map(({ entity, version }) => ({ entity, event: logs[entity]?.[version - 1] }))
            .flatMap(({ entity, event }) => (event === undefined ? [] : [{ entity, event }]));
          rest = rest.slice(size);
          if (batch.length === 0) break;
          await feed.record(
            ...batch.flatMap(({ entity, event }) => (isRestored(event.version, entity) ? [event] : [])),
          );
          if (restarts) await feed.restart();
          await feed.feed(...batch.map(({ event }) => event));
          if (retries) await feed.retryAll();
        }
        await feed.retryAll(own);
        expect(await parkedOf(db, own)).toEqual([]);
        expect(await buildsOf(db, own.name)).toMatchObject({ parked: 0 });
        expect(await contentsOf(db, own)).toEqual(await expected(...logs));
      }),
      { numRuns: 25 },
    );
  });

  test.each([
    ['the same feeder', false],
    ['a feeder that has just begun', true],
  ])('has an event that was restored after later ones once, by %s', async (_name, restarts) => {
    const log = firstOf(5);
    const feed = await openFeed(view);
    await feed.record(...log);
    for (const event of versionsOf(log, 1, 4, 2, 3, 5)) {
      await feed.feed(event);
      if (restarts) await feed.restart();
      const upTo = event.version < 4 && event.version > 1 ? 4 : event.version;
      if (view.keyedBy) expect(await contentsOf(db, view)).toEqual(await expected(log.slice(0, upTo)));
    }
    expect(await parkedOf(db, view)).toEqual([]);
    expect(await contentsOf(db, view)).toEqual(await expected(log));
  });

  test.each([
    ['at once', false],
    ['after a restart between the two', true],
  ])('has a parked event that overtook an earlier one, once both are retried %s', async (_name, restarts) => {
    const log = firstOf(5);
    const feed = await openFeed(view);
    await feed.record(...versionsOf(log, 1, 3, 4));
    await feed.feed(...versionsOf(log, 1, 3));
    expect(await parkedOf(db, view)).toMatchObject([{ version: 3, status: 'parked' }]);
    if (restarts) await feed.restart();
    await feed.record(...versionsOf(log, 2, 5));
    await feed.feed(...versionsOf(log, 4, 2));
    expect(await parkedOf(db, view)).toMatchObject([
      { version: 3 },
      { version: 4, status: 'waiting' },
      { version: 2, status: 'waiting' },
    ]);
    expect(await contentsOf(db, view)).toEqual(await expected(log.slice(0, 1)));
    await feed.retryAll();
    expect(await parkedOf(db, view)).toEqual([]);
    expect(await contentsOf(db, view)).toEqual(await expected(log.slice(0, 4)));
    await feed.feed(...versionsOf(log, 5));
    expect(await contentsOf(db, view)).toEqual(await expected(log));
  });

  test('has a parked event that was retried before the one it lacks got its position', async () => {
    const log = firstOf(4);
    const feed = await openFeed(view);
    await feed.record(...versionsOf(log, 1, 3, 4));
    await feed.feed(...versionsOf(log, 1, 3));
    await feed.record(...versionsOf(log, 2));
    await feed.retryAll();
    expect(await parkedOf(db, view)).toEqual([]);
    await feed.feed(...versionsOf(log, 2));
    if (view.keyedBy) expect(await contentsOf(db, view)).toEqual(await expected(log.slice(0, 3)));
    await feed.feed(...versionsOf(log, 4));
    expect(await contentsOf(db, view)).toEqual(await expected(log));
  });

  test('has a late event that failed, and the later ones it had before, once it is repaired', async () => {
    const log = firstOf(4);
    const feed = await openFeed(breakable(view, new Set([2])));
    await feed.record(...log);
    for (const version of [1, 4, 2, 3]) await feed.feed(...versionsOf(log, version));
    expect(await parkedOf(db, view)).toMatchObject([{ version: 2, status: 'parked' }, { version: 3 }]);
    await feed.retryAll(view);
    expect(await parkedOf(db, view)).toEqual([]);
    expect(await contentsOf(db, view)).toEqual(await expected(log));
  });

  test('has later events of an order without one that was skipped', async () => {
    const log = firstOf(5);
    const broken = breakable(view, new Set([2]));
    const feed = await openFeed(broken);
    await feed.record(...log);
    await feed.feed(...versionsOf(log, 1, 2, 3));
    const orderId = log[0]?.orderId ?? '';
    expect(
      await intervene(orderLog, db, broken, { action: 'skip', orderId, version: 2, ...because }),
    ).toMatchObject({ applied: 1, remaining: 0 });
    await feed.feed(...versionsOf(log, 5, 4));
    await feed.restart();
    expect(await parkedOf(db, broken)).toEqual([]);
    expect(await contentsOf(db, broken)).toMatchObject([
      view.keyedBy ? { versions: [4, 5] } : { v1: 1, v3: 1, v4: 1, v5: 1 },
    ]);
  });

  test('leaves out an order whose first events are lost for good, also if events come late', async () => {
    const [lost, well] = [firstOf(6), firstOf(2)];
    const feed = await openFeed(view);
    await feed.record(...lost.slice(3), ...well);
    const orderId = lost[0]?.orderId ?? '';
    await journal(orderLog, db).updateOne({ orderId, version: 4 }, { $set: { begins: true } });
    await feed.feed(...versionsOf(lost, 4, 6), ...well);
    await feed.restart();
    await feed.feed(...versionsOf(lost, 5));
    expect(await parkedOf(db, view)).toEqual([]);
    expect(await contentsOf(db, view)).toEqual(await expected(well));
  });

  test('counts no event as applied that a retry leaves out, because its past is lost for good', async () => {
    const lost = firstOf(6);
    const feed = await openFeed(view);
    await feed.record(...lost.slice(3));
    await feed.feed(...lost.slice(3));
    const orderId = lost[0]?.orderId ?? '';
    await journal(orderLog, db).updateOne({ orderId, version: 4 }, { $set: { begins: true } });
    const retried = await intervene(orderLog, db, view, { action: 'retry', orderId, ...because });
    expect(retried).toEqual({ kind: 'done', applied: 0, remaining: 0 });
    expect(await parkedAudit(db).findOne({ orderId })).toMatchObject({ version: 4, applied: 0 });
    expect(await contentsOf(db, view)).toEqual([]);
  });

  test('keeps what it has while the journal lacks another of its events', async () => {
    const log = firstOf(5);
    const feed = await openFeed(view);
    await feed.record(...log);
    await feed.feed(...log);
    const before = await contentsOf(db, view);
    // Two events of the five are lost. They are restored one after the other.
    for (const event of versionsOf(log, 2, 4)) await feed.lose(event);
    await feed.restart();
    for (const event of versionsOf(log, 2, 4)) {
      await feed.record(event);
      await feed.feed(event);
      if (view.keyedBy) expect(await contentsOf(db, view)).toEqual(before);
    }
    expect(await parkedOf(db, view)).toEqual([]);
  });
});
