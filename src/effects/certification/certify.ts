import { Bench } from './bench.js';
import { type CaseResult, runCases } from './cases.js';
import { inventoryCases } from './inventory-cases.js';
import type { Kind } from './messages.js';
import { paymentCases } from './payment-cases.js';
import { Unusable } from './provider-process.js';

export interface Certificate {
  readonly kind: Kind;
  /** the path of the module, or the name of what is built in */
  readonly provider: string;
  readonly passed: boolean;
  readonly cases: readonly CaseResult[];
}

/**
 * Takes a provider through what may happen to it, in processes of its own that are killed in the
 * middle. It is judged through its port only. It has to be one for tests: what it does stays.
 *
 * @param provider the path of a module, or `sandbox`
 * @throws Unusable if it does not load, or lacks what certification needs
 */
export async function certify(
  kind: Kind,
  provider: string,
  onProgress: (done: number, total: number) => void,
): Promise<Certificate> {
  const bench = await Bench.open(kind, provider);
  try {
    if (kind === 'inventory' && !bench.has('stockUp'))
      throw new Unusable(
        'it does not export stockUp(sku, onHand), which sets the stock of a new SKU for a test',
      );
    const cases = kind === 'payments' ? paymentCases(bench) : inventoryCases();
    const results = await runCases(bench, cases, (done) => onProgress(done, cases.length));
    return { kind, provider, passed: results.every(({ passed }) => passed), cases: results };
  } finally {
    await bench.close();
  }
}
