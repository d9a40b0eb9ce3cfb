import { isDeepStrictEqual } from 'node:util';
import type { Outcome } from '../../order/effects.js';

/**
 * What a caller learns from a call. `error`: the call gave no answer, so its outcome is not known,
 * as with `unknown`.
 */
export type Learned = Outcome | { readonly type: 'error' | 'none' | 'unknown' };

export class CaseFailed extends Error {
  override readonly name = 'CaseFailed';
  /** what the failure would cost in production */
  readonly risk: string;

  constructor(happened: string, risk: string) {
    super(happened);
    this.risk = risk;
  }
}

/** What a failure would cost in production. */
export const risks = {
  chargesTwice: 'would charge twice',
  losesMoney: 'would lose money',
  promisesTwice: 'would promise units twice',
  losesUnits: 'would lose units',
  paysTwice: 'would book and pay for a label twice',
  losesLabel: 'would lose a label',
  assumesDelivery: 'would take a parcel for delivered',
  keepsPerson: 'would keep personal data in the log',
  waits: 'the order would wait for ever',
  decides: 'a time-out would decide an order',
} as const;

export function isOutcome(learned: Learned): learned is Outcome {
  return learned.type !== 'error' && learned.type !== 'none' && learned.type !== 'unknown';
}

/** @throws CaseFailed if the call did not lead to an outcome of this type */
export function expectType(what: string, learned: Learned, type: Learned['type'], risk: string): void {
  if (learned.type !== type) throw new CaseFailed(`${what}: ${shown(learned)}`, riskOf(learned, risk));
}

/** @throws CaseFailed if the two answers differ */
export function expectSame(what: string, learned: Learned, first: Learned, risk: string): void {
  if (!isDeepStrictEqual(learned, first))
    throw new CaseFailed(`${what}: ${shown(learned)}, after ${shown(first)}`, riskOf(learned, risk));
}

/**
 * The risk if an answer is wrong. If the answer is `unknown`, the order only waits, because the key
 * is looked up again.
 */
function riskOf(learned: Learned, risk: string): string {
  return learned.type === 'unknown' ? risks.waits : risk;
}

/**
 * An answer in a few words. A long id is cut to its last characters, in which ids of payments
 * differ.
 */
function shown(learned: Learned): string {
  const { type } = learned;
  const id = idIn(learned);
  return id.length > 12 ? `${type} …${id.slice(-12)}` : `${type} ${id}`.trim();
}

function idIn(learned: Learned): string {
  if ('missing' in learned)
    return learned.missing.map(({ requested, available }) => `${requested} of ${available}`).join(', ');
  if ('authorizationId' in learned) return learned.authorizationId;
  if ('captureId' in learned) return learned.captureId;
  return 'trackingNumber' in learned ? learned.trackingNumber : '';
}
