// An example of a custom provider of carriers: `CARRIERS=<path of this file>`. Its ledger is a
// file, EXAMPLE_LABELS, which stands for another company's system. See docs/guides/own-provider.md.
import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** @import { BookAnswer, BookRequest } from '../../../src/effects/carriers/port.js' */
/** @import { CarrierModule, Parcel } from '../../../src/effects/carriers/port.js' */
/** @typedef {{ key: string, orderId: string, request: string, outcome: BookAnswer }} Label */
/** @typedef {{ label: Label } | { delivered: Parcel, at: string }} Line */

const path = process.env['EXAMPLE_LABELS'];
if (path === undefined) throw new Error('EXAMPLE_LABELS is missing: the path of its ledger');

export const limits = { concurrency: 20, timeoutMs: 3_000 };

/** @type {CarrierModule['book']} */
export async function book(request, { signal }) {
  const { key, orderId } = request;
  const label = { key, orderId, request: digestOf(JSON.stringify(request)), outcome: answerTo(request) };
  await write({ label });
  const found = (await readLedger()).booked.get(key);
  if (found?.request !== label.request) throw new Error(`The key ${key} was used with other parameters.`);
  if (request.carrier === 'Slow Post') await setTimeout(1_500, undefined, { signal });
  return found.outcome;
}

/** @type {CarrierModule['lookUp']} */
export async function lookUp(key) {
  return (await readLedger()).booked.get(key)?.outcome ?? { type: 'none' };
}

/** @type {CarrierModule['track']} */
export async function track({ carrier, trackingNumber }) {
  const { booked, delivered } = await readLedger();
  const deliveredAt = delivered.get(trackingNumber);
  const isBooked = [...booked.values()].some(
    ({ outcome }) =>
      outcome.type === 'booked' && outcome.carrier === carrier && outcome.trackingNumber === trackingNumber,
  );
  if (!isBooked) return { type: 'unknown' };
  return deliveredAt === undefined ? { type: 'in_transit' } : { type: 'delivered', deliveredAt };
}

/** @type {NonNullable<CarrierModule['labels']>} */
export async function labels(orderId) {
  const all = [...(await readLedger()).booked.values()];
  return all.filter((label) => label.orderId === orderId && label.outcome.type === 'booked').length;
}

/** @type {NonNullable<CarrierModule['deliver']>} */
export async function deliver(parcel) {
  await write({ delivered: parcel, at: new Date().toISOString() });
}

/**
 * Only the key decides about the number, so two concurrent calls have the same answer.
 *
 * @param {BookRequest} request
 * @returns {BookAnswer}
 */
function answerTo({ key, carrier = 'Example Post' }) {
  if (carrier === 'Refusing Post') return { type: 'refused', code: 'address_not_served' };
  const trackingNumber = `EX${digestOf(key).slice(0, 12).toUpperCase()}`;
  return {
    type: 'booked',
    carrier,
    trackingNumber,
    labelUrl: `https://labels.example/${trackingNumber}.pdf`,
  };
}

/**
 * A line is written as a whole or not at all. The first one with a key counts. It has no receiver,
 * so it has no personal data.
 *
 * @param {Line} line
 */
async function write(line) {
  const file = await open(/** @type {string} */ (path), 'a');
  try {
    await file.appendFile(`${JSON.stringify(line)}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function readLedger() {
  const text = await readFile(/** @type {string} */ (path), 'utf8').catch(() => '');
  /** @type {Map<string, Label>} */
  const booked = new Map();
  /** @type {Map<string, string>} */
  const delivered = new Map();
  for (const written of text.split('\n').slice(0, -1)) {
    /** @type {Line} */
    const line = JSON.parse(written);
    if ('label' in line && !booked.has(line.label.key)) booked.set(line.label.key, line.label);
    if ('delivered' in line && !delivered.has(line.delivered.trackingNumber))
      delivered.set(line.delivered.trackingNumber, line.at);
  }
  return { booked, delivered };
}

/** @param {string} text */
function digestOf(text) {
  return createHash('sha256').update(text).digest('hex');
}
