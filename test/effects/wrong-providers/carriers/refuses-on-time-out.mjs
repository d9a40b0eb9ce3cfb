// A wrong provider: it takes a time-out for a refusal, though the label was booked.
import * as example from '../../example-provider/carriers.mjs';

export * from '../../example-provider/carriers.mjs';

/** @import { CarrierModule } from '../../../../src/effects/carriers/port.js' */

/** @type {CarrierModule['book']} */
export async function book(request, options) {
  try {
    return await example.book(request, options);
  } catch (error) {
    if (!options.signal.aborted) throw error;
    return { type: 'refused', code: 'no_answer' };
  }
}
