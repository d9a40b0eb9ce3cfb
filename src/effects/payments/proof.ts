import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import { compareEntries, type Entries, type OrderDiscrepancy } from '../proof/compare-entries.js';
import { isOwnRefusal } from '../proof/own-refusals.js';
import { isSameOutcome } from '../proof/proved-outcome.js';
import type { SettledEffect } from '../proof/settled-effects.js';
import { type LedgerEntry, sandboxLedger } from './sandbox-ledger.js';

/** The remedy if the provider has another outcome than the log. */
export const paymentRemedy =
  'compare with the payment provider, and correct by hand what the customer was charged';

/**
 * Compares entries of the sandbox's ledger with the effects that an order's log proves.
 *
 * @param paid the order's entries, read before the log
 */
export async function compareLedger(
  db: Db,
  paid: readonly LedgerEntry[],
  settled: readonly SettledEffect[],
  keys: ReadonlySet<string>,
): Promise<readonly Omit<OrderDiscrepancy, 'orderId' | 'kind'>[]> {
  const ofLedger: Entries<LedgerEntry> = {
    where: 'payments',
    seen: paid,
    find: async (missing) =>
      await sandboxLedger(db)
        .find({ _id: { $in: missing } }, committed)
        .toArray(),
    isDone: ({ outcome }) => outcome !== undefined,
    wrong(entry, one) {
      const found = wrongEntry(entry, one);
      if (found === undefined) return undefined;
      return { detail: `${one.event.type}: ${found} ${one.effect.key}`, remedy: paymentRemedy };
    },
    unexplained: ({ _id: key, type }) => ({
      detail: `the log has no effect for the provider's entry ${key} (${type})`,
      remedy: paymentRemedy,
    }),
  };
  return await compareEntries(ofLedger, settled, keys);
}

/** What is wrong with the provider's entry for a settled effect; undefined if nothing. */
function wrongEntry(entry: LedgerEntry | undefined, { effect, event }: SettledEffect): string | undefined {
  if (entry === undefined) return isOwnRefusal(event) ? undefined : 'the provider has no entry';
  const { type, amount, outcome } = entry;
  if (type !== effect.type) return `the provider has a ${type} as`;
  if ('amount' in effect && amount !== effect.amount)
    return `the provider has ${amount}, not ${effect.amount}, for`;
  if (outcome === undefined) return 'the provider has not answered';
  return isSameOutcome(entry, event) ? undefined : `the provider answered ${JSON.stringify(outcome)} to`;
}
