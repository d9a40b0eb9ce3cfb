// A wrong provider: it takes no notice of the key, so a repeated call books another label.
import { randomUUID } from 'node:crypto';
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {Map<string, string>} */
const latest = new Map();

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  const key = request.key.replace(/\d+$/, () => randomUUID());
  latest.set(request.key, key);
  return await example.book({ ...request, key }, options);
}

/** @type {CarrierModule['lookUp']} */
export const lookUp = async (key, options) => await example.lookUp(latest.get(key) ?? key, options);
