import type { CarrierProvider } from './port.js';

/** The code of a label that is refused because no carriers are named. */
export const noCarriersCode = 'no_carriers';

/**
 * Stands for carriers if `CARRIERS` names none: every label is refused, also one whose booking is
 * under way. If carriers that it named before have booked it, the proof reports it once they are
 * named again.
 */
export const noCarriers: CarrierProvider = {
  book: () => Promise.resolve({ type: 'refused', code: noCarriersCode }),
  lookUp: () => Promise.resolve({ type: 'none' }),
  track: () => Promise.resolve({ type: 'unknown' }),
};
