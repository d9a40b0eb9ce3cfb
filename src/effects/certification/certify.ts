import { Harness } from './harness.js';
import { carrierCases } from './carrier-cases.js';
import { type Case, type CaseResult, runCases } from './cases.js';
import { inventoryCases } from './inventory-cases.js';
import type { Kind } from './messages.js';
import { paymentCases } from './payment-cases.js';
import { Unusable } from './provider-process.js';

/** The result of certification: for each case, and as a whole. */
export interface CertificationResult {
  readonly kind: Kind;
  /** the path of the module, or the name of a built-in provider */
  readonly provider: string;
  readonly passed: boolean;
  readonly cases: readonly CaseResult[];
}

const casesFor: Readonly<Record<Kind, (harness: Harness) => readonly Case[]>> = {
  payments: paymentCases,
  inventory: inventoryCases,
  carriers: carrierCases,
};

/**
 * Tests a provider with crashes, duplicates and lost answers: it runs in child processes that are
 * killed during calls. Only the answers of its functions are judged. Use a test account, because
 * the calls really take effect.
 *
 * @param provider the path of a module, or `sandbox`
 * @throws Unusable if it does not load, or lacks what certification needs
 */
export async function certify(
  kind: Kind,
  provider: string,
  onProgress: (done: number, total: number) => void,
): Promise<CertificationResult> {
  const harness = await Harness.open(kind, provider);
  try {
    if (kind === 'inventory' && !harness.has('stockUp'))
      throw new Unusable(
        'it does not export stockUp(sku, onHand), which sets the stock of a new SKU for a test',
      );
    const cases = casesFor[kind](harness);
    const results = await runCases(harness, cases, (done) => onProgress(done, cases.length));
    return { kind, provider, passed: results.every(({ passed }) => passed), cases: results };
  } finally {
    await harness.close();
  }
}
