import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeEach } from '@jest/globals';
import type { Db } from 'mongodb';
import { feedHead } from '../../../src/log/feed/feed.js';
import { feedState } from '../../../src/log/feed/generations.js';
import { FeedTail } from '../../../src/log/feed/tail.js';
import { ensureJournalIndexes, journal } from '../../../src/log/journal/journal.js';
import { ensureStateViewIndexes } from '../../../src/log/entity-log/state-view.js';
import { foldEntity } from '../../../src/log/views/feeding/fold-entity.js';
import { MergedChanges } from '../../../src/log/views/feeding/merged-changes.js';
import { type ViewFeederDeps, runViewFeeder } from '../../../src/log/views/feeding/view-feeder.js';
import { parkedAudit } from '../../../src/log/views/feeding/interventions.js';
import { ensureParkedEventIndexes, parkedEvents } from '../../../src/log/views/parked-events.js';
import { viewBuilds, buildsOf } from '../../../src/log/views/view-builds.js';
import { watchBuildsAndFeeds } from '../../../src/log/views/feeding/watch-builds-and-feeds.js';
import type { FromHistory } from '../../../src/log/rebuilding/restore-entities.js';
import { storeRebuilds } from '../../../src/log/rebuilding/store-rebuild.js';
import { documents, type EntityView, type View } from '../../../src/log/views/view.js';
import { orderLog } from '../../../src/order-log.js';
import type { OrderEvent, EventDraft } from '../../../src/order/events.js';
import { fold } from '../../../src/order/evolve.js';
import type { Order } from '../../../src/order/order.js';
import { orders } from '../../../src/views/orders.js';
import { type StateName, states } from '../../order/examples.js';
import { logOf, openDatabase } from '../../support/database.js';
import { latch } from '../../support/latch.js';
import { until } from '../../support/until.js';

/** The logs of new orders, one in each of the named states. */
export function newLogs(...names: readonly StateName[]): readonly (readonly [OrderEvent, ...OrderEvent[]])[] {
  return names.map((name) => logOf(states[name], randomUUID()));
}

export const manyStates: readonly StateName[] = [
  'refunded',
  'cancelled',
  'rejected',
  'completed',
  'expired',
  'confirmed',
  'remainderCancelled',
  'captureDeclined',
  'readyToDispatch',
  'heldWithShipment',
];

/** The events of several orders, interleaved; those of one order stay in sequence. */
export function interleaved(...logs: readonly (readonly OrderEvent[])[]): readonly OrderEvent[] {
  const longest = Math.max(...logs.map((log) => log.length));
  return Array.from({ length: longest }, (_, index) => logs.map((log) => log[index]))
    .flat()
    .filter((event) => event !== undefined);
}

/** Puts events at the end of the feed, as recording and the sequencer do. */
export async function publish(db: Db, events: readonly OrderEvent[]): Promise<number> {
  const head = await feedHead(orderLog, db);
  const recordedAt = new Date().toISOString();
  const positioned = events.map((event, index) => ({
    ...event,
    _id: `${event.orderId}:${event.version}`,
    recordedAt,
    position: head + index + 1,
  }));
  await journal(orderLog, db).insertMany(positioned);
  const position = head + events.length;
  await feedState(db).updateOne({ _id: 'feed' }, { $set: { position } }, { upsert: true });
  return position;
}

/** A runner of a view, which feeds it until it fails or is stopped. */
export interface Runner {
  /**
   * settles when it begins to feed the view, after which writes of an earlier runner fail, or when
   * it ends
   */
  readonly hasBegun: Promise<unknown>;
  /** settles with the error that ended it, if one did */
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

type RunnerOptions = Partial<Pick<ViewFeederDeps<Order, EventDraft>, 'requestRebuild' | 'heartbeat'>>;

function startRunner(db: Db, tail: FeedTail, view: View<Order, EventDraft>, more: RunnerOptions): Runner {
  const stopping = new AbortController();
  const begun = latch();
  const ended = runViewFeeder(orderLog, view, {
    db,
    tail,
    signal: stopping.signal,
    requestRebuild: async () => undefined,
    ...more,
    heartbeat: (position) => {
      begun.open();
      more.heartbeat?.(position);
    },
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
  return {
    hasBegun: Promise.race([begun.opened, ended]),
    ended,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/**
 * A separate database for a test file, in which views are fed. It is empty before each test. After
 * each test, its `runners` are stopped.
 */
export async function openViews() {
  const database = await openDatabase();
  const { db } = database;
  const tail = new FeedTail(orderLog, db);
  const closing = new AbortController();
  const watched = watchBuildsAndFeeds(db, [], closing.signal, () => tail.wake());
  const runners: Runner[] = [];
  beforeEach(async () => {
    const used = [
      journal(orderLog, db),
      feedState(db),
      viewBuilds(db),
      parkedEvents(db),
      parkedAudit(db),
      storeRebuilds(db),
      orders(db),
    ];
    await Promise.all(used.map((collection) => collection.deleteMany({})));
    await Promise.all([
      ensureJournalIndexes(orderLog, db),
      ensureParkedEventIndexes(db),
      ensureStateViewIndexes(orderLog, db),
    ]);
  });
  afterEach(async () => {
    await Promise.all(runners.map((runner) => runner.stop()));
    runners.length = 0;
  });
  afterAll(async () => {
    closing.abort();
    await watched;
    await tail.stop();
    await database.close();
  });
  const run = (view: View<Order, EventDraft>, more: RunnerOptions = {}): Runner => {
    const runner = startRunner(db, tail, view, more);
    runners.push(runner);
    return runner;
  };
  const rebuilding = (
    rebuildId: string = randomUUID(),
    signal = new AbortController().signal,
    heartbeat: () => void = () => undefined,
  ) => ({ db, rebuildId, signal, heartbeat });
  return { db, run, runners, rebuilding };
}

/** Waits until the active build of a view is at the head of the feed. */
export async function caughtUp(db: Db, view: View<Order, EventDraft>): Promise<void> {
  await until(async () => {
    const [state, head] = [await buildsOf(db, view.name), await feedHead(orderLog, db)];
    if (state === undefined || state.position < head || state.version !== view.version)
      throw new Error(`${view.name} is at ${state?.position}, the feed at ${head}`);
  });
}

/** Every document of a view's active build, by id. */
export async function contentsOf(db: Db, view: View<Order, EventDraft>): Promise<readonly object[]> {
  const state = await buildsOf(db, view.name);
  return await documents(db, state?.collection ?? 'none')
    .find()
    .sort({ _id: 1 })
    .toArray();
}

export async function parkedOf(db: Db, view: View<Order, EventDraft>) {
  const state = await buildsOf(db, view.name);
  return await parkedEvents(db)
    .find({ collection: state?.collection ?? 'none' })
    .sort({ position: 1 })
    .toArray();
}

/**
 * The expected documents of a view after some logs, computed by its fold alone: one event and one
 * order at a time.
 */
export async function expectedContents(
  db: Db,
  view: View<Order, EventDraft>,
  logs: readonly (readonly OrderEvent[])[],
): Promise<readonly object[]> {
  if (view.keyedBy !== undefined) return expectedByEntity(view, logs);
  const scratch = documents(db, `scratch_${randomUUID()}`);
  for (const log of logs) {
    for (const [index, event] of log.entries()) {
      const { orderId } = event;
      const order = fold(log.slice(0, index));
      const before = order && { orderId, version: order.version, state: order };
      const positioned = { ...event, recordedAt: event.occurredAt, position: 1 };
      const merged = new MergedChanges();
      const folded = foldEntity(orderLog, view, { orderId, events: [positioned], before, fromJournal: [] });
      for (const change of folded.changes ?? []) merged.merge(change);
      const writes = merged.toWrites();
      if (writes.length > 0) await scratch.bulkWrite(writes);
    }
  }
  const contents = await scratch.find().sort({ _id: 1 }).toArray();
  await scratch.drop();
  return contents;
}

/** `expectedContents` for a view that is keyed by entity. */
function expectedByEntity(
  view: EntityView<Order, EventDraft>,
  logs: readonly (readonly OrderEvent[])[],
): readonly object[] {
  const contents = logs.flatMap((log) => {
    let document: object | undefined;
    for (const [index, event] of log.entries())
      document = view.fold(document, event, orderOf(log.slice(0, index + 1)));
    return document === undefined ? [] : [[log[0]?.orderId ?? '', document] as const];
  });
  return contents
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([orderId, document]) => ({ _id: orderId, ...document }));
}

/**
 * A database in which this method of all collections, or of the named one, waits until the test
 * lets it continue.
 */
export function pausedBefore(
  db: Db,
  method: 'replaceOne' | 'bulkWrite' | 'rename' | 'createIndexes',
  only?: string,
) {
  const reached = latch();
  const resumed = latch();
  const collection = (name: string) => {
    const real = db.collection(name);
    if (only !== undefined && only !== name) return real;
    const go: (...args: never[]) => unknown = real[method];
    const value = async (...args: unknown[]): Promise<unknown> => {
      reached.open();
      await resumed.opened;
      return await Reflect.apply(go, real, args);
    };
    return Object.defineProperty(real, method, { value });
  };
  const paused: Db = Object.create(db, { collection: { value: collection } });
  return { db: paused, reached: reached.opened, resume: resumed.open };
}

/** The order that a log leads to. */
export function orderOf(log: readonly OrderEvent[]): Order {
  const order = fold(log);
  if (order === undefined) throw new Error('The log is empty.');
  return order;
}

/** An order as read from a history with these events. */
export function keptOrder(events: readonly OrderEvent[], isOpen = true): FromHistory<Order, EventDraft> {
  const order = orderOf(events);
  const { orderId } = order;
  return {
    history: {
      orderId,
      events,
      firstVersion: 1,
      isComplete: true,
      isForecast: false,
      isOpen,
      isResuming: false,
    },
    state: order,
  };
}
