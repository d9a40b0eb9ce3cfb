import type { Db } from 'mongodb';
import type { KeyStore } from '../sealing/key-store/key-store.js';
import { forgetAnswers } from '../delivery/webhooks/forget-answers.js';
import { committed, durable } from '../mongodb/durability.js';
import { readStoredEvents } from '../log/journal/read-journal.js';
import { eventsSetAside } from '../log/journal/set-aside.js';
import { dropUnusedBuilds, viewBuilds, buildsOf } from '../log/views/view-builds.js';
import { documents } from '../log/views/view.js';
import { orderLog } from '../order-log.js';
import { orders } from '../views/orders.js';
import { views } from '../views/views.js';
import type { CheckedLocation, NotReached } from './certificate.js';
import type { Databases } from '../databases.js';
import { ordersOf } from './customer-orders.js';
import { hasPersonUnder } from './needs-forgetting.js';
import { decodedRuns } from './decoded-runs.js';
import { hasLostEvents } from './forget-order.js';
import { type LogFindings, notReached } from './not-reached.js';
import { countPersonalValues, noPersonalValues } from './personal-values.js';
import { FoundValues } from './found-values.js';

/** How many documents of a view are read by one query. */
const BATCH_SIZE = 500;

/** The findings for all locations of personal values. */
export interface Inspection {
  /** number of orders that have the event `PersonForgotten` */
  readonly orders: number;
  readonly places: readonly CheckedLocation[];
  readonly notReached: readonly NotReached[];
}

interface InspectionRequest {
  readonly databases: Databases;
  readonly keyStore: KeyStore;
  readonly customerId: string;
  /** ids of the destroyed keys */
  readonly keys: readonly string[];
  readonly heartbeat: () => void;
}

/**
 * Checks every location that held values of a customer, and removes copies that are not needed:
 * search words, kept builds of views that have a value in plain text, and what receivers of
 * webhooks answered.
 *
 * @throws Error if a view has not caught up yet, or a key still exists; the caller tries again
 */
export async function clearAndInspect(asked: InspectionRequest): Promise<Inspection> {
  const { databases, keyStore, customerId, keys, heartbeat } = asked;
  const { db } = databases;
  const logs = await inspectLogs(asked);
  const { orderIds, lost } = logs;
  const places: readonly CheckedLocation[] = [
    await checkKeyStore(keyStore, keys),
    inHistories(logs),
    { place: 'journal', ...inEvents(logs.journal) },
    inFeed,
    { place: 'events set aside by a resumption', ...inEvents(logs.aside) },
    await clearOrderView(db, customerId, lost),
    await clearViews(db, [customerId, ...orderIds], lost, heartbeat),
    inCaches,
    await clearWebhookAnswers(db, orderIds, heartbeat),
  ];
  return { orders: orderIds.length - lost.length, places, notReached: notReached(logs) };
}

async function inspectLogs({
  databases,
  keyStore,
  customerId,
  keys,
  heartbeat,
}: InspectionRequest): Promise<LogFindings> {
  const { client, db } = databases;
  const histories = new FoundValues(keyStore);
  const journal = new FoundValues(keyStore);
  const aside = new FoundValues(keyStore);
  const orderIds: string[] = [];
  const lost: string[] = [];
  let runs = 0;
  for await (const order of ordersOf(databases, customerId)) {
    heartbeat();
    const { orderId } = order;
    if (hasPersonUnder(order, keys)) {
      if (!(await hasLostEvents(databases, order)))
        throw new Error(`order ${orderId} still has personal data: its view lags`);
      lost.push(orderId);
    } else if (order.forgotten === undefined) continue;
    orderIds.push(orderId);
    for (const { data } of await readStoredEvents(orderLog, db, orderId)) await journal.search(orderId, data);
    for await (const { data } of eventsSetAside(orderLog, db).find({ orderId }, committed))
      await aside.search(orderId, data);
    for await (const values of decodedRuns(client, orderId)) {
      heartbeat();
      runs += 1;
      for (const value of values) await histories.search(orderId, value);
    }
  }
  return { orderIds, lost, runs, histories, journal, aside };
}

async function checkKeyStore(keyStore: KeyStore, keys: readonly string[]): Promise<CheckedLocation> {
  for (const keyId of keys)
    if ((await keyStore.openingKey(keyId)) !== 'destroyed')
      throw new Error(`the key ${keyId} is not destroyed`);
  return {
    place: 'key store',
    finding: 'the keys are destroyed: their rows have no key material',
    checked: 'each key was asked for',
    count: keys.length,
  };
}

function inHistories({ histories, runs }: LogFindings): CheckedLocation {
  return {
    place: 'Temporal histories',
    finding: histories.finding(),
    checked: `every payload of all ${runs} kept runs of the orders was decoded`,
    count: histories.searched,
  };
}

function inEvents(found: FoundValues): Omit<CheckedLocation, 'place'> {
  return {
    finding: found.finding(),
    checked: 'every event of the orders was read',
    count: found.searched,
  };
}

const inFeed: CheckedLocation = {
  place: 'feed and event streams',
  finding:
    'they have no copy: they read the journal; a topic of Kafka has events as the feed does, sealed under the destroyed keys',
  checked: 'by construction',
  count: 0,
};

/**
 * @param lost ids of orders that have lost events. They get no event that would remove their search
 *   words, so the words are removed here.
 */
async function clearOrderView(db: Db, customerId: string, lost: readonly string[]): Promise<CheckedLocation> {
  await orders(db).updateMany({ _id: { $in: lost } }, { $unset: { persons: true } }, durable);
  const forgotten = { 'customer.id': customerId, 'state.forgotten': { $exists: true } };
  return {
    place: 'view orders, with its search words',
    finding: `the orders show forgotten instead of each personal value${butLost(lost)}`,
    checked: 'the document of each order was read',
    count: await orders(db).countDocuments(forgotten, committed),
  };
}

/** The end of a finding: says that it does not hold for orders that have lost events. */
function butLost(lost: readonly string[]): string {
  return lost.length === 0 ? '' : `, except for orders that have lost events (${lost.length})`;
}

async function clearViews(
  db: Db,
  ids: readonly string[],
  lost: readonly string[],
  heartbeat: () => void,
): Promise<CheckedLocation> {
  const { looked, dropped } = await clearBuilds(db, ids, lost.length > 0, heartbeat);
  const clean = `no document has a personal value in plain text${butLost(lost)}`;
  return {
    place: 'feed views, with their kept builds',
    finding: dropped === 0 ? clean : `${clean}; ${dropped} kept builds that had one were dropped`,
    checked: 'the documents of the customer and of the orders were read in every build',
    count: looked,
  };
}

const inCaches: CheckedLocation = {
  place: 'caches of the API',
  finding:
    'they have documents of the view orders, and follow it; an opened value is kept for a minute at most, and shown only while its key is known',
  checked: 'by construction',
  count: 0,
};

/** Removes the answers of webhook receivers. */
async function clearWebhookAnswers(
  db: Db,
  orderIds: readonly string[],
  heartbeat: () => void,
): Promise<CheckedLocation> {
  return {
    place: 'webhook deliveries',
    finding: 'what receivers have answered was removed; values were sent sealed, and no body is kept',
    checked: 'every attempt and every failed waiting delivery of the orders was updated',
    count: await forgetAnswers(db, orderIds, heartbeat),
  };
}

/**
 * Reads the documents with these ids in every build of every feed view. A kept build that has a
 * value in plain text is dropped; it is only needed for a roll-back.
 *
 * @param mayKeep true if orders have lost events: the build in use, and one that is being rebuilt,
 *   may keep the values of these orders in plain text
 */
async function clearBuilds(
  db: Db,
  ids: readonly string[],
  mayKeep: boolean,
  heartbeat: () => void,
): Promise<{ readonly looked: number; readonly dropped: number }> {
  let looked = 0;
  let dropped = 0;
  for (const { name } of views) {
    const state = await buildsOf(db, name);
    if (state === undefined) continue;
    for (const build of [state.previous, state.rebuilding, state]) {
      if (build === undefined) continue;
      const found = noPersonalValues();
      for (let from = 0; from < ids.length; from += BATCH_SIZE) {
        heartbeat();
        const some = { _id: { $in: ids.slice(from, from + BATCH_SIZE) } };
        for await (const document of documents(db, build.collection).find(some, committed)) {
          looked += 1;
          countPersonalValues(found, document);
        }
      }
      const isKept = build === state.previous;
      if (found.plain === 0 || (mayKeep && !isKept)) continue;
      if (!isKept) throw new Error(`the view ${name} lags`);
      await viewBuilds(db).updateOne(
        { _id: name, 'previous.collection': build.collection },
        { $unset: { previous: true } },
        durable,
      );
      await dropUnusedBuilds(db, name);
      dropped += 1;
    }
  }
  return { looked, dropped };
}
