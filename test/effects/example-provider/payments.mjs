// An example of a custom payment provider: `PAYMENTS=<path of this file>`. Its ledger is a file,
// EXAMPLE_LEDGER, which stands for another company's system. See docs/guides/own-provider.md.
import { open, readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/**
 * @import { PaymentModule, PaymentType } from '../../../src/effects/payments/port.js'
 * @import { EffectOf, OutcomeOf } from '../../../src/order/effects.js'
 */
/** @typedef {EffectOf<PaymentType>} Request */
/** @typedef {OutcomeOf<PaymentType>} Outcome */
/** @typedef {{ at: number, request: Request }} Line */

const path = process.env['EXAMPLE_LEDGER'];
if (path === undefined) throw new Error('EXAMPLE_LEDGER is missing: the path of its ledger');

export const limits = { concurrency: 20, timeoutMs: 3_000 };

/** @type {PaymentModule['authorize']} */
export async function authorize(request, { signal }) {
  const outcome = await /** @type {Promise<OutcomeOf<'authorize'>>} */ (answer(request));
  if (request.method === 'tok_slow') await setTimeout(1_500, undefined, { signal });
  return outcome;
}

/** @type {PaymentModule['capture']} */
export const capture = async (request) => /** @type {OutcomeOf<'capture'>} */ (await answer(request));

/** @type {PaymentModule['refund']} */
export const refund = async (request) => /** @type {OutcomeOf<'refund'>} */ (await answer(request));

/** @type {PaymentModule['void']} */
const release = async (request) => /** @type {OutcomeOf<'void'>} */ (await answer(request));
export { release as void };

/** @type {PaymentModule['lookUp']} */
export async function lookUp(key) {
  return (await readLedger()).answers.get(key)?.outcome ?? { type: 'none' };
}

/** @type {NonNullable<PaymentModule['balance']>} */
export async function balance(orderId) {
  const sums = { held: 0, captured: 0, refunded: 0 };
  const { authorizations, captures } = await readLedger();
  for (const { order, status, left } of authorizations.values())
    if (order === orderId && status === 'authorized') sums.held += left;
  for (const { order, amount, left } of captures.values()) {
    if (order !== orderId) continue;
    sums.captured += amount;
    sums.refunded += amount - left;
  }
  return sums;
}

/**
 * The ledger is a list of requests. The first one with a key counts, and its outcome follows from
 * those before it. A line is written as a whole or not at all, so a crash leaves no half of a
 * payment.
 *
 * @param {Request} request
 */
async function answer(request) {
  const file = await open(/** @type {string} */ (path), 'a');
  try {
    await file.appendFile(`${JSON.stringify({ at: Date.now(), request })}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  const found = (await readLedger()).answers.get(request.key);
  if (found === undefined) throw new Error(`The ledger does not have ${request.key}.`);
  if (JSON.stringify(found.request) !== JSON.stringify(request))
    throw new Error(`The key ${request.key} was used with other parameters.`);
  if (found.outcome === undefined)
    throw new Error(`More than was captured cannot be refunded: ${request.key}.`);
  return found.outcome;
}

async function readLedger() {
  const text = await readFile(/** @type {string} */ (path), 'utf8').catch(() => '');
  const ledger = emptyLedger();
  for (const line of text.split('\n').slice(0, -1)) {
    /** @type {Line} */
    const { at, request } = JSON.parse(line);
    if (!ledger.answers.has(request.key))
      ledger.answers.set(request.key, { request, outcome: perform(ledger, request, at) });
  }
  return ledger;
}

function emptyLedger() {
  return {
    /** @type {Map<string, { request: Request, outcome: Outcome | undefined }>} */
    answers: new Map(),
    /** @type {Map<string, { order: string, status: string, until: number, left: number }>} */
    authorizations: new Map(),
    /** @type {Map<string, { order: string, amount: number, left: number }>} */
    captures: new Map(),
  };
}

/**
 * @param {ReturnType<typeof emptyLedger>} ledger
 * @param {Request} request
 * @param {number} at
 * @returns {Outcome | undefined} undefined if it is refused by an error
 */
function perform({ authorizations, captures }, request, at) {
  const order = request.key.split(':').slice(0, -2).join(':');
  switch (request.type) {
    case 'authorize': {
      const { key, amount, method, ttl } = request;
      if (!['tok_ok', 'tok_slow', 'tok_pending'].includes(method))
        return { type: 'declined', code: 'card_declined' };
      const authorizationId = `example-auth ${key}`;
      const type = method === 'tok_pending' ? 'pending' : 'authorized';
      authorizations.set(authorizationId, { order, status: type, until: at + ttl, left: amount });
      return { type, authorizationId };
    }
    case 'capture': {
      const { key, amount, authorizationId } = request;
      const from = authorizations.get(authorizationId);
      if (from === undefined) return { type: 'declined', code: 'unknown_authorization' };
      if (from.status !== 'authorized') return { type: 'declined', code: `authorization_${from.status}` };
      if (at >= from.until) return { type: 'expired' };
      if (amount > from.left) return { type: 'declined', code: 'more_than_authorized' };
      from.left -= amount;
      captures.set(`example-capture ${key}`, { order, amount, left: amount });
      return { type: 'captured', captureId: `example-capture ${key}` };
    }
    case 'void': {
      const of = authorizations.get(request.authorizationId);
      if (of?.status === 'authorized' && at >= of.until) return { type: 'expired' };
      if (of !== undefined) of.status = 'voided';
      return { type: 'voided' };
    }
    default: {
      const from = captures.get(request.captureId);
      if (from === undefined || request.amount > from.left) return undefined;
      from.left -= request.amount;
      return { type: 'refunded' };
    }
  }
}
