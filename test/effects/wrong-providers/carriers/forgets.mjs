// A wrong provider: it knows only the keys that this process has been given an answer to, so it
// forgets a label whose answer was lost in a crash, and books again.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { BookAnswer, CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {Map<string, BookAnswer>} */
const remembered = new Map();

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  const known = remembered.get(request.key);
  if (known !== undefined) return known;
  const key = request.key.replace(/\d+$/, () => randomUUID());
  const outcome = await example.book({ ...request, key }, options);
  if (outcome.type !== 'unknown') remembered.set(request.key, outcome);
  return outcome;
}

/** @type {CarrierModule['lookUp']} */
export const lookUp = async (key, options) => remembered.get(key) ?? (await example.lookUp(key, options));
