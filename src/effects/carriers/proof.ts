import type { Db } from 'mongodb';
import { committed } from '../../mongodb/durability.js';
import { compareEntries, type Entries, type OrderDiscrepancy } from '../proof/compare-entries.js';
import { isOwnRefusal } from '../proof/own-refusals.js';
import { isSameOutcome } from '../proof/proved-outcome.js';
import type { SettledEffect } from '../proof/settled-effects.js';
import { type LabelEntry, sandboxLabels } from './sandbox-carriers.js';

/** The remedy if the carrier has another label than the log. */
export const carrierRemedy = 'compare with the carrier, and cancel there by hand what no shipment needs';

/**
 * Compares the sandbox carriers' labels of an order with the effects that the order's log proves.
 *
 * @param booked the order's labels, read before the log; missing ones are looked up again
 */
export async function compareLabels(
  db: Db,
  booked: readonly LabelEntry[],
  settled: readonly SettledEffect[],
  keys: ReadonlySet<string>,
): Promise<readonly Omit<OrderDiscrepancy, 'orderId' | 'kind'>[]> {
  const ofLabels: Entries<LabelEntry> = {
    where: 'carriers',
    seen: booked,
    find: async (missing) =>
      await sandboxLabels(db)
        .find({ _id: { $in: missing } }, committed)
        .toArray(),
    isDone: ({ outcome }) => outcome !== undefined,
    wrong(entry, { effect, event }) {
      if (entry === undefined && isOwnRefusal(event)) return undefined;
      const { outcome } = entry ?? {};
      if (outcome !== undefined && isSameOutcome({ outcome }, event)) return undefined;
      const found = outcome === undefined ? 'has no answer' : `answered ${JSON.stringify(outcome)}`;
      return { detail: `${event.type}: the carrier ${found} to ${effect.key}`, remedy: carrierRemedy };
    },
    unexplained: ({ _id: key }) => ({
      detail: `the log has no effect for the carrier's label ${key}`,
      remedy: carrierRemedy,
    }),
  };
  return await compareEntries(ofLabels, settled, keys);
}
