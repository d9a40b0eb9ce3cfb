import type { BookAnswer, CarrierProvider } from './port.js';

const refused: BookAnswer = { type: 'refused', code: 'no_carriers' };

/** Stands for carriers if `CARRIERS` names none: every label is refused. */
export const noCarriers: CarrierProvider = {
  book: () => Promise.resolve(refused),
  lookUp: () => Promise.resolve(refused),
  track: () => Promise.resolve({ type: 'unknown' }),
};
