import type { Db } from 'mongodb';
import { pause } from '../../concurrency/pause.js';
import { ago } from '../../log/time.js';
import { messageOf } from '../../outages/message-of.js';
import { shapeOf } from '../answers.js';
import { createGate, type ProviderGate } from '../gate.js';
import type { Provider } from '../port.js';
import { ProviderBusy } from '../provider-busy.js';
import { type ParcelOnItsWay, parcelsOnTheirWay } from './parcels.js';
import type { CarrierProvider, Tracked } from './port.js';
import { claim, clearFailure, deleteOldRows, rowIdOf, storeFailure, unclaim } from './tracking-rows.js';

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

const CONCURRENCY = 4;
const BUSY_MS = 1_000;
/** The pause after a round in which MongoDB or Temporal was unavailable. */
const RETRY_MS = 10_000;
/** ISO-8601 UTC */
const utc = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;
const expected = "{ type: 'in_transit' }, { type: 'delivered', deliveredAt } or { type: 'unknown' }";

/**
 * Asks carriers about parcels that are on their way, until `signal` aborts. So a delivery is
 * noticed even if its webhook was lost. Any number of processes may do this: a parcel is claimed
 * before a carrier is asked, so each is asked about once in `everyMs`. If a process dies, the few
 * parcels that it has claimed are asked about in the next round.
 *
 * Calls have a gate of their own, so a carrier that hangs here delays no booking. Each call that
 * hangs delays other parcels by the timeout at most.
 */
export async function trackParcels(tracking: Tracking): Promise<void> {
  const { provider, everyMs, health, signal } = tracking;
  const gate = createGate(provider.name, provider.limits);
  while (!signal.aborted) {
    let pauseMs = everyMs;
    try {
      await askAboutAll(tracking, gate);
      health.worked();
    } catch (error) {
      if (!signal.aborted) health.failed(error);
      pauseMs = Math.min(everyMs, RETRY_MS);
    }
    await pause(pauseMs, signal);
  }
}

/**
 * Goes through all parcels once, and asks carriers about those that are due.
 *
 * @throws the last error that is not a carrier's; the round continues after such an error
 */
async function askAboutAll(tracking: Tracking, gate: ProviderGate): Promise<void> {
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
  await Promise.all(Array.from({ length: CONCURRENCY }, askInTurn));
  if (problem !== undefined) throw problem;
  // Parcels that are still on their way were claimed after `dueBy`, by this process or another. So
  // a row that was claimed earlier belongs to a parcel that is no longer on its way.
  if (!signal.aborted) await deleteOldRows(db, dueBy);
}

async function askAbout(
  { db, provider, everyMs, delivered, signal }: Tracking,
  gate: ProviderGate,
  parcel: ParcelOnItsWay,
  dueBy: string,
): Promise<void> {
  const id = rowIdOf(parcel);
  if (!(await claim(db, parcel, dueBy))) return;
  const answer = await askCarrier(provider, gate, parcel, signal);
  if (signal.aborted) return;
  if (typeof answer === 'string') return await storeFailure(db, id, answer);
  await clearFailure(db, id);
  if (answer.type !== 'delivered') return;
  try {
    await delivered(parcel);
  } catch (error) {
    await unclaim(db, parcel, everyMs);
    throw error;
  }
}

/** The carrier's answer, or a text that says why there is no valid answer. */
async function askCarrier(
  { name, port }: Provider<CarrierProvider>,
  gate: ProviderGate,
  parcel: ParcelOnItsWay,
  stopping: AbortSignal,
): Promise<Tracked | string> {
  const { carrier, trackingNumber } = parcel;
  const ask = async (): Promise<unknown> =>
    await gate.call(
      rowIdOf(parcel),
      async (signal) => await port.track({ carrier, trackingNumber }, { signal }),
    );
  while (!stopping.aborted) {
    try {
      const answer = await ask();
      return trackedIn(answer) ?? `${name}: track answered ${shapeOf(answer)}: expected ${expected}`;
    } catch (error) {
      if (!(error instanceof ProviderBusy)) return `${name}: track failed: ${messageOf(error)}`;
      await pause(BUSY_MS, stopping);
    }
  }
  return { type: 'unknown' };
}

/** Reads a carrier's answer; undefined if it is not valid: a provider may answer anything. */
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
