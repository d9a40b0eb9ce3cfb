import type { Collection, Db, Filter } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { committed, durable, isDuplicateKey } from '../../mongodb/durability.js';
import type { Shipment } from '../../order/order.js';
import { messageOf } from '../../outages/message-of.js';
import { type OrderDocument, orders } from '../../views/orders.js';
import { shapeOf } from '../answers.js';
import { createGate, type Gate, ProviderBusy } from '../gate.js';
import type { Provider } from '../performing.js';
import type { CarrierProvider, Parcel, Tracked } from './port.js';

/** A shipment that left under a label of the port, and is not reported as delivered. */
export interface ParcelOnItsWay extends Parcel {
  readonly orderId: string;
  readonly shipmentId: string;
}

/** When a carrier was asked about a parcel, and whether it could answer. */
export interface TrackingRow extends ParcelOnItsWay {
  /** `<orderId>:<shipmentId>` */
  readonly _id: string;
  /** ISO-8601 UTC, the last time */
  readonly askedAt: string;
  /**
   * when the first failure since the last answer happened, ISO-8601 UTC; absent if the last attempt
   * was answered
   */
  readonly failingSince?: string;
  readonly failure?: string;
}

export interface Tracking {
  readonly db: Db;
  readonly provider: Provider<CarrierProvider>;
  /** how often a carrier is asked about a parcel */
  readonly everyMs: number;
  /** Reports the delivery to the order, as the carrier's webhook would. May be called again. */
  readonly delivered: (parcel: ParcelOnItsWay) => Promise<void>;
  readonly health: { failed(error: unknown): void; worked(): void };
  readonly signal: AbortSignal;
}

const parcelsAtOnce = 4;
const pageSize = 100;
const busyMs = 1_000;
/** The pause after a round in which MongoDB or Temporal was unavailable. */
const retryMs = 10_000;
const longestProblem = 500;
/** ISO-8601 UTC */
const utc = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;
const expected = "{ type: 'in_transit' }, { type: 'delivered', deliveredAt } or { type: 'unknown' }";

export function trackingRows(db: Db): Collection<TrackingRow> {
  return db.collection<TrackingRow>('tracked_parcels');
}

/**
 * Asks carriers about parcels that are on their way, until `signal` aborts, so that a lost webhook
 * is made up for. Any number of processes may do this: a parcel is claimed before a carrier is
 * asked, so each is asked about once in `everyMs`. A process that dies has claimed a few parcels,
 * which are asked about in the next round.
 *
 * Calls have a gate of their own: a carrier that hangs here delays no booking, and other parcels by
 * its timeout at most.
 */
export async function trackParcels(tracking: Tracking): Promise<void> {
  const { provider, everyMs, health, signal } = tracking;
  const gate = createGate(provider.name, provider.limits);
  while (!signal.aborted) {
    let restMs = everyMs;
    try {
      await askAboutAll(tracking, gate);
      health.worked();
    } catch (error) {
      if (!signal.aborted) health.failed(error);
      restMs = Math.min(everyMs, retryMs);
    }
    await pause(restMs, signal);
  }
}

/**
 * Asks about all parcels once. @throws the last error that is not a carrier's; the round continues
 * after such an error
 */
async function askAboutAll(tracking: Tracking, gate: Gate): Promise<void> {
  const { db, everyMs, signal } = tracking;
  const dueBy = ago(everyMs);
  const parcels = parcelsOnTheirWay(db);
  let problem: unknown;
  const askInTurn = async (): Promise<void> => {
    for await (const parcel of parcels) {
      if (signal.aborted) return;
      await askAbout(tracking, gate, parcel, dueBy).catch((error: unknown) => {
        problem = error;
      });
    }
  };
  await Promise.all(Array.from({ length: parcelsAtOnce }, askInTurn));
  if (problem !== undefined) throw problem;
  // Parcels that are still on their way were claimed in this round, by this process or another. So
  // older rows are of other parcels.
  if (!signal.aborted) await trackingRows(db).deleteMany({ askedAt: { $lte: dueBy } }, durable);
}

async function askAbout(
  { db, provider, everyMs, delivered, signal }: Tracking,
  gate: Gate,
  parcel: ParcelOnItsWay,
  dueBy: string,
): Promise<void> {
  const id = keyOf(parcel);
  if (!(await claim(db, parcel, dueBy))) return;
  const answer = await trackedBy(provider, gate, parcel, signal);
  if (signal.aborted) return;
  if (typeof answer === 'string') return await noteFailure(db, id, answer);
  await noteAnswer(db, id);
  if (answer.type !== 'delivered') return;
  try {
    await delivered(parcel);
  } catch (error) {
    // Gives up the claim, so that the next round asks about the parcel again.
    await trackingRows(db).updateOne({ _id: id }, { $set: { askedAt: ago(everyMs) } }, durable);
    throw error;
  }
}

async function noteFailure(db: Db, id: string, failure: string): Promise<void> {
  const text = { $literal: failure.slice(0, longestProblem) };
  await trackingRows(db).updateOne(
    { _id: id },
    [{ $set: { failure: text, failingSince: { $ifNull: ['$failingSince', ago(0)] } } }],
    durable,
  );
}

async function noteAnswer(db: Db, id: string): Promise<void> {
  await trackingRows(db).updateOne(
    { _id: id, failingSince: { $exists: true } },
    { $unset: { failure: '', failingSince: '' } },
    durable,
  );
}

/** Claims a parcel for this process. False if a process has claimed it since `dueBy`. */
async function claim(db: Db, parcel: ParcelOnItsWay, dueBy: string): Promise<boolean> {
  try {
    await trackingRows(db).updateOne(
      { _id: keyOf(parcel), askedAt: { $lte: dueBy } },
      { $set: { ...parcel, askedAt: ago(0) } },
      { upsert: true, ...durable },
    );
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

/** The carrier's answer, or what is wrong with it, in words. */
async function trackedBy(
  { name, port }: Provider<CarrierProvider>,
  gate: Gate,
  parcel: ParcelOnItsWay,
  stopping: AbortSignal,
): Promise<Tracked | string> {
  const { carrier, trackingNumber } = parcel;
  const ask = async (): Promise<unknown> =>
    await gate.call(
      keyOf(parcel),
      async (signal) => await port.track({ carrier, trackingNumber }, { signal }),
    );
  while (!stopping.aborted) {
    try {
      const answer = await ask();
      return trackedIn(answer) ?? `${name}: track answered ${shapeOf(answer)}: expected ${expected}`;
    } catch (error) {
      if (!(error instanceof ProviderBusy)) return `${name}: track failed: ${messageOf(error)}`;
      await pause(busyMs, stopping);
    }
  }
  return { type: 'unknown' };
}

/** Reads a carrier's answer; undefined if it is none: a provider may answer anything. */
export function trackedIn(answer: unknown): Tracked | undefined {
  if (typeof answer !== 'object' || answer === null || !('type' in answer)) return undefined;
  const { type } = answer;
  if (type === 'in_transit' || type === 'unknown') return { type };
  if (type !== 'delivered' || !('deliveredAt' in answer)) return undefined;
  const { deliveredAt } = answer;
  return typeof deliveredAt === 'string' && utc.test(deliveredAt) && !Number.isNaN(Date.parse(deliveredAt))
    ? { type, deliveredAt }
    : undefined;
}

/** A filter that uses the view's index of orders with a booked label. */
export const withParcels: Filter<OrderDocument> = {
  'state.shipments.label.status': 'booked',
  'state.shipments': { $elemMatch: { 'label.status': 'booked', status: 'dispatched' } },
};

/**
 * The parcels that are on their way, by the view `orders`. The view may lag: a parcel that it does
 * not show yet is found in the next round.
 */
async function* parcelsOnTheirWay(db: Db): AsyncGenerator<ParcelOnItsWay, void> {
  let last = '';
  for (;;) {
    // Page by page: a cursor would time out while a carrier is slow.
    const page = await orders(db)
      .find({ ...withParcels, _id: { $gt: last } }, committed)
      .sort({ _id: 1 })
      .limit(pageSize)
      .project<{ readonly _id: string; readonly state: { readonly shipments: readonly Shipment[] } }>({
        'state.shipments': 1,
      })
      .toArray();
    for (const { _id: orderId, state } of page)
      for (const shipment of state.shipments) {
        const parcel = parcelOf(shipment);
        if (parcel !== undefined) yield { orderId, shipmentId: shipment.shipmentId, ...parcel };
      }
    if (page.length < pageSize) return;
    last = page.at(-1)?.['_id'] ?? last;
  }
}

/**
 * The parcel that a carrier is asked about. Undefined unless the shipment is on its way under its
 * booked label: another number may be of a carrier that the port does not know.
 */
function parcelOf({ status, label, carrier, trackingNumber }: Shipment): Parcel | undefined {
  if (status !== 'dispatched' || label?.status !== 'booked') return undefined;
  if (carrier !== label.carrier || trackingNumber !== label.trackingNumber) return undefined;
  return { carrier, trackingNumber };
}

function keyOf({ orderId, shipmentId }: ParcelOnItsWay): string {
  return `${orderId}:${shipmentId}`;
}

function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString();
}
