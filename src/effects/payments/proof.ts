import type { Db } from 'mongodb';
import type { Discrepancy } from '../../log/proof/comparison.js';
import { committed } from '../../mongodb/durability.js';
import { withLater } from '../look-again.js';
import { isOutcome } from '../proved-outcome.js';
import type { SettledEffect } from '../settled-effects.js';
import { type LedgerEntry, sandboxLedger } from './sandbox-ledger.js';

export const askProvider =
  'compare with the payment provider, and correct by hand what the customer was charged';

/**
 * Compares entries of the sandbox's ledger with the effects that an order's log proves.
 *
 * @param paid entries of the order, read before the log was
 * @param keys of all effects of the order, settled or owed
 */
export async function compareLedger(
  db: Db,
  paid: readonly LedgerEntry[],
  settled: readonly SettledEffect[],
  keys: ReadonlySet<string>,
): Promise<readonly Omit<Discrepancy, 'orderId' | 'kind'>[]> {
  const entryAt = await withLater(paid, settled, (missing) =>
    sandboxLedger(db)
      .find({ _id: { $in: missing } }, committed)
      .toArray(),
  );
  const wrong = settled.flatMap((one) => {
    const { effect, event } = one;
    const found = wrongEntry(entryAt.get(effect.key), one);
    if (found === undefined) return [];
    const detail = `${event.type}: ${found} ${effect.key}`;
    return [
      { where: 'payments' as const, version: event.version, key: effect.key, detail, remedy: askProvider },
    ];
  });
  const extra = paid
    .filter(({ _id }) => !keys.has(_id))
    .map(({ _id: key, type }) => ({
      where: 'payments' as const,
      key,
      detail: `the log has no effect for the provider's entry ${key} (${type})`,
      remedy: askProvider,
    }));
  return [...wrong, ...extra];
}

/** What is wrong with the provider's entry for a settled effect; undefined if nothing. */
function wrongEntry(entry: LedgerEntry | undefined, { effect, event }: SettledEffect): string | undefined {
  if (entry === undefined) return 'the provider has no entry';
  const { type, amount, outcome } = entry;
  if (type !== effect.type) return `the provider has a ${type} as`;
  if ('amount' in effect && amount !== effect.amount)
    return `the provider has ${amount}, not ${effect.amount}, for`;
  if (outcome === undefined) return 'the provider has not answered';
  return isOutcome(entry, event) ? undefined : `the provider answered ${JSON.stringify(outcome)} to`;
}
