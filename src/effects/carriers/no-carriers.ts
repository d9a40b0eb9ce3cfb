import type { CarrierProvider } from './port.js';

/** The code of a label that is refused because no carriers are named. */
export const noCarriersCode = 'no_carriers';

/**
 * Stands for carriers if `CARRIERS` names none. Every label is refused, also one whose booking is
 * under way. If a carrier that was named earlier has booked that label, the proof reports it once
 * the carrier is named again.
 */
export const noCarriers: CarrierProvider = {
  book: () => Promise.resolve({ type: 'refused', code: noCarriersCode }),
  lookUp: () => Promise.resolve({ type: 'none' }),
  track: () => Promise.resolve({ type: 'unknown' }),
};
