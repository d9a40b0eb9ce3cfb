// A wrong provider: it books with a slow carrier under a random key that only this process knows.
// Another process finds nothing under the real key, and books again.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {Map<string, string>} */
const own = new Map();

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  if (request.carrier !== 'Slow Post') return await example.book(request, options);
  const key = own.get(request.key) ?? request.key.replace(/\d+$/, () => randomUUID());
  own.set(request.key, key);
  return await example.book({ ...request, key }, options);
}

/** @type {CarrierModule['lookUp']} */
export const lookUp = async (key, options) => await example.lookUp(own.get(key) ?? key, options);
