import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Collection, Db } from 'mongodb';
import { committed, durable } from '../../mongodb/durability.js';
import { sandboxDatabase } from '../sandbox-database.js';
import type { LookUpAnswer } from '../port.js';
import {
  type BookAnswer,
  type BookRequest,
  type CarrierProvider,
  type Parcel,
  sandboxTestCarriers,
  type Tracked,
} from './port.js';

/** One document per idempotency key: the answer and the number of calls. */
export interface LabelEntry {
  /** the idempotency key */
  readonly _id: string;
  readonly orderId: string;
  readonly shipmentId: string;
  /** a hash of all parameters of the call, so that the sandbox keeps no receiver */
  readonly request: string;
  readonly calls: number;
  /** the answer to every call with the key; absent until one is stored */
  readonly outcome?: BookAnswer;
  /** when the parcel was delivered, ISO-8601 UTC; absent before */
  readonly deliveredAt?: string;
}

export interface SandboxCarriers extends CarrierProvider {
  book(request: BookRequest): Promise<BookAnswer>;
  lookUp(key: string): Promise<LookUpAnswer<'book'>>;
  track(parcel: Parcel): Promise<Tracked>;
  labels(orderId: string): Promise<number>;
  /**
   * Delivers the parcel without a webhook, as if the webhook were lost. May be repeated.
   *
   * @throws Error for a parcel without a label of the sandbox
   */
  deliver(parcel: Parcel): Promise<void>;
}

/** The carrier that fails on the first three calls of a key. */
const flaky = 'Flaky Post';
const FLAKY_FAILURES = 3;
const SLOW_MS = 2_000;

export function sandboxLabels(db: Db): Collection<LabelEntry> {
  return sandboxDatabase(db).collection<LabelEntry>('sandbox_labels');
}

/** @param db the database of the orders */
export async function setUpSandboxLabels(db: Db): Promise<void> {
  await sandboxLabels(db).createIndexes([
    { key: { orderId: 1 } },
    { key: { 'outcome.trackingNumber': 1 }, unique: true, sparse: true },
  ]);
}

/**
 * Carriers for development and tests. The ledger is the collection `sandbox_labels` in a separate
 * database (`sandboxDatabase`). The sandbox keeps the contract of `CarrierProvider`; the name of
 * the carrier determines the outcome: `Refusing Post` refuses, `Slow Post` books immediately and
 * answers two seconds later, `Flaky Post` fails three times before it books, and any other one
 * books.
 *
 * @param db the database of the orders
 * @param now the carrier's own clock, ISO-8601 UTC
 */
export function sandboxCarriers(db: Db, now = () => new Date().toISOString()): SandboxCarriers {
  const ledger = sandboxLabels(db);

  /**
   * Counts the call. If this is the first call with the key, `first` is stored as its answer.
   *
   * @throws Error if the key was used with other parameters
   */
  async function countCall(request: BookRequest, first: BookAnswer | undefined): Promise<LabelEntry> {
    const { key, orderId, shipmentId } = request;
    const hash = hashOf(request);
    const given = { orderId, shipmentId, request: hash, ...(first !== undefined && { outcome: first }) };
    const entry = await ledger.findOneAndUpdate(
      { _id: key },
      { $inc: { calls: 1 }, $setOnInsert: given },
      { upsert: true, returnDocument: 'after', ...durable },
    );
    if (entry?.request !== hash)
      throw new Error(`The key ${key} was used with other parameters: a new label needs a new key.`);
    return entry;
  }

  /** Stores the answer, unless a concurrent call has stored one. @returns the stored answer */
  async function keep(key: string, made: BookAnswer): Promise<BookAnswer> {
    const entry = await ledger.findOneAndUpdate(
      { _id: key },
      [{ $set: { outcome: { $ifNull: ['$outcome', { $literal: made }] } } }],
      { returnDocument: 'after', ...durable },
    );
    return entry?.outcome ?? made;
  }

  return {
    async book(request) {
      const answer = answerTo(request);
      const isFlaky = request.carrier === flaky;
      const { calls, outcome } = await countCall(request, isFlaky ? undefined : answer);
      if (request.carrier === sandboxTestCarriers.slow && calls === 1) await setTimeout(SLOW_MS);
      if (outcome !== undefined) return outcome;
      if (calls <= FLAKY_FAILURES)
        throw new Error(`The sandbox does not answer call ${calls} of ${request.key}.`);
      return await keep(request.key, answer);
    },
    async lookUp(key) {
      const entry = await ledger.findOne({ _id: key }, committed);
      return entry?.outcome ?? { type: 'none' };
    },
    async track(parcel) {
      const entry = await ledger.findOne(labelOf(parcel), committed);
      if (entry === null) return { type: 'unknown' };
      const { deliveredAt } = entry;
      return deliveredAt === undefined ? { type: 'in_transit' } : { type: 'delivered', deliveredAt };
    },
    async labels(orderId) {
      return await ledger.countDocuments({ orderId, 'outcome.type': 'booked' }, committed);
    },
    async deliver(parcel) {
      const delivered = await ledger.updateOne(
        labelOf(parcel),
        [{ $set: { deliveredAt: { $ifNull: ['$deliveredAt', now()] } } }],
        durable,
      );
      if (delivered.matchedCount === 0)
        throw new Error(`The sandbox has booked no label ${parcel.trackingNumber} of ${parcel.carrier}.`);
    },
  };
}

function answerTo({ key, carrier = sandboxTestCarriers.booked }: BookRequest): BookAnswer {
  if (carrier === sandboxTestCarriers.refused) return { type: 'refused', code: 'address_not_served' };
  const digits = BigInt(`0x${digestOf(key).slice(0, 16)}`)
    .toString()
    .padStart(20, '0');
  const trackingNumber = `SP${digits.slice(-14)}`;
  return {
    type: 'booked',
    carrier,
    trackingNumber,
    labelUrl: `https://labels.example/${trackingNumber}.pdf`,
  };
}

function labelOf({ carrier, trackingNumber }: Parcel) {
  return { 'outcome.trackingNumber': trackingNumber, 'outcome.carrier': carrier };
}

function hashOf({ orderId, shipmentId, carrier, lines, receiver }: BookRequest): string {
  const address = Object.entries(receiver).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return digestOf(JSON.stringify([orderId, shipmentId, carrier, lines, address]));
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
