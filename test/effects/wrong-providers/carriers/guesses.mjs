// A wrong provider: it answers `delivered` for a parcel that it does not know.
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {CarrierModule['track']} */
export async function track(parcel, options) {
  const tracked = await example.track(parcel, options);
  return tracked.type === 'unknown' ? { type: 'delivered', deliveredAt: new Date().toISOString() } : tracked;
}
