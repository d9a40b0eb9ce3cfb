import type { IndexDescription } from 'mongodb';
import { indexIfPresent } from '../mongodb/indexes.js';
import type { Order, ReceivedFact } from '../order/order.js';
import { later } from '../order/time.js';

/**
 * The times (ISO-8601 UTC) at which an order began to wait for something that may need an operator.
 * A time is absent if the order does not wait for that.
 */
export interface AttentionTimes {
  /** when the effect that has been owed the longest became owed */
  readonly owedSince?: string;
  /** when the payment that has been pending the longest became pending at the provider */
  readonly pendingSince?: string;
  /** when the oldest unmatched fact from outside arrived */
  readonly unmatchedSince?: string;
}

/** Most orders have none of these fields, so these indexes are small. */
export const attentionIndexes: readonly IndexDescription[] = [
  indexIfPresent('owedSince'),
  indexIfPresent('pendingSince'),
  indexIfPresent('unmatchedSince'),
];

export function attentionTimesOf(order: Order): AttentionTimes {
  const owedSince = earliest(order.owed.map(({ since }) => since ?? order.updatedAt));
  const pendingSince = earliest(pendingAuthorizations(order).map(({ since }) => since));
  const unmatchedSince = earliest(unmatchedFacts(order).map(({ receivedAt }) => receivedAt));
  return {
    ...(owedSince !== undefined && { owedSince }),
    ...(pendingSince !== undefined && { pendingSince }),
    ...(unmatchedSince !== undefined && { unmatchedSince }),
  };
}

/** Payments that are pending at the provider, each with the time at which it became pending. */
export function pendingAuthorizations({ authorizations, terms }: Order) {
  return authorizations
    .filter(({ status, retired }) => status === 'pending' && !retired)
    .map((entry) => ({ ...entry, since: later(entry.until, -terms.paymentDeadline) }));
}

/** Facts from outside, such as a carrier's event, that were given up as unmatched. */
export function unmatchedFacts({ facts = [] }: Order): readonly ReceivedFact[] {
  return facts.filter(({ unmatched }) => unmatched === true);
}

function earliest(times: readonly string[]): string | undefined {
  return times.reduce<string | undefined>(
    (first, time) => (first === undefined || time < first ? time : first),
    undefined,
  );
}
