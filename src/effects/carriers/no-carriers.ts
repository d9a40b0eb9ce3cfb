import type { CarrierProvider } from './port.js';

export const noCarriersCode = 'no_carriers';

/**
 * Stands for carriers if `CARRIERS` names none. It refuses every label. The outcome of a call to
 * carriers that `CARRIERS` named earlier stays unknown until it names them again.
 */
export const noCarriers: CarrierProvider = {
  book: () => Promise.resolve({ type: 'refused', code: noCarriersCode }),
  lookUp: () => Promise.resolve({ type: 'unknown' }),
  track: () => Promise.resolve({ type: 'unknown' }),
};
