// A wrong provider: after a time-out it makes a new key for the next try, though the first call has
// booked. So two labels are paid for, and one is used.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** The key that is used from the next try on. @type {Map<string, string>} */
const renewed = new Map();

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  const key = renewed.get(request.key) ?? request.key;
  try {
    return await example.book({ ...request, key }, options);
  } catch (error) {
    const next = request.key.replace(/\d+$/, () => randomUUID());
    if (options.signal.aborted) renewed.set(request.key, next);
    throw error;
  }
}

/** @type {CarrierModule['lookUp']} */
export const lookUp = async (key, options) => await example.lookUp(renewed.get(key) ?? key, options);
