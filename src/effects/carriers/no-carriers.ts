import type { CarrierProvider } from './port.js';

/** The code of a label that is refused because no carriers are named. */
export const noCarriersCode = 'no_carriers';

/**
 * Stands for carriers if `CARRIERS` names none. Every label is refused, even if a carrier that was
 * named earlier is booking it. If that carrier has booked it, the proof reports the label once
 * `CARRIERS` names the carrier again.
 */
export const noCarriers: CarrierProvider = {
  book: () => Promise.resolve({ type: 'refused', code: noCarriersCode }),
  lookUp: () => Promise.resolve({ type: 'none' }),
  track: () => Promise.resolve({ type: 'unknown' }),
};
