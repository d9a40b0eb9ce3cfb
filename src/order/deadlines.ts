import type { EventDraft } from './events.js';
import { unmatchedAt, unmatchedDraft, waitingFacts } from './facts.js';
import { type Authorization, type Order, dueAt, owes } from './order.js';
import { isNeeded } from './pending-effects.js';

/** The next time at which the order changes by itself. */
export interface Deadline {
  readonly name: 'payment-deadline' | 'authorization-expiry' | 'return-window' | 'fact-unmatched';
  /** ISO-8601 UTC */
  readonly at: string;
}

/** The earliest deadline, if there is one; at that time `expire` has something to say. */
export function nextDeadline(order: Order): Deadline | undefined {
  const deadlines: Deadline[] = expiring(order).map(({ status, until }) => ({
    name: status === 'pending' ? 'payment-deadline' : 'authorization-expiry',
    at: dueAt(order, until),
  }));
  for (const fact of waitingFacts(order))
    deadlines.push({ name: 'fact-unmatched', at: dueAt(order, unmatchedAt(fact)) });
  if (order.returnsUntil !== undefined && isReadyToClose(order)) {
    deadlines.push({ name: 'return-window', at: dueAt(order, order.returnsUntil) });
  }
  return deadlines.toSorted((a, b) => (a.at < b.at ? -1 : 1))[0];
}

/** What has passed at `now` (ISO-8601 UTC). The end of the return window shows as `OrderClosed`, a consequence. */
export function expire(order: Order, now: string): readonly EventDraft[] {
  const lapsed = expiring(order)
    .filter((entry) => dueAt(order, entry.until) <= now)
    .map(({ status, authorizationId }): EventDraft => {
      const type = status === 'pending' ? 'PaymentTimedOut' : 'AuthorizationExpired';
      return { type, data: { authorizationId } };
    });
  const unmatched = waitingFacts(order)
    .filter((fact) => dueAt(order, unmatchedAt(fact)) <= now)
    .map((fact) => unmatchedDraft(fact, 'waited_too_long'));
  return [...lapsed, ...unmatched];
}

/** An authorization does not lapse while its capture is under way: the provider's answer decides. */
function expiring(order: Order): readonly Authorization[] {
  if (owes(order, 'capture')) return [];
  return order.authorizations.filter((entry) => isNeeded(order, entry));
}

/** Completed, and nothing is on its way: no return, no refund. Only the return window keeps it open. */
export function isReadyToClose(order: Order): boolean {
  return (
    order.status === 'completed' &&
    !order.closed &&
    order.owed.length === 0 &&
    order.returns.every((entry) => entry.status === 'received')
  );
}
