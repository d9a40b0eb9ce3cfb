import type { Deadline as AnyDeadline } from '../log/entity.js';
import type { EventDraft } from './events.js';
import { unmatchedAt, unmatchedDraft, waitingFacts } from './received-facts.js';
import { type Authorization, type Order, dueAt, isReadyToClose, owes } from './order.js';
import { isNeeded } from './wanted-effects.js';

/** A time at which the order changes without a command. */
export interface Deadline extends AnyDeadline {
  readonly name: 'payment-deadline' | 'authorization-expiry' | 'return-window' | 'fact-unmatched';
}

/** The earliest deadline; `undefined` if there is none. */
export function nextDeadline(order: Order): Deadline | undefined {
  return deadlines(order)[0];
}

/** All deadlines of the order, the earliest first. */
export function deadlines(order: Order): readonly Deadline[] {
  const upcoming: Deadline[] = expiring(order).map(({ status, until }) => ({
    name: status === 'pending' ? 'payment-deadline' : 'authorization-expiry',
    at: dueAt(order, until),
  }));
  for (const fact of waitingFacts(order))
    upcoming.push({ name: 'fact-unmatched', at: dueAt(order, unmatchedAt(fact)) });
  if (order.returnsUntil !== undefined && isReadyToClose(order)) {
    upcoming.push({ name: 'return-window', at: dueAt(order, order.returnsUntil) });
  }
  return upcoming.toSorted((a, b) => (a.at < b.at ? -1 : 1));
}

/**
 * The events of all deadlines that have passed at `now` (ISO-8601 UTC). The return window has no
 * event here: `consequence` closes the order once the window has passed.
 */
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

/**
 * The authorizations that may expire. There are none while a capture is owed: the provider's answer
 * to it tells whether its authorization has expired.
 */
function expiring(order: Order): readonly Authorization[] {
  if (owes(order, 'capture')) return [];
  return order.authorizations.filter((entry) => isNeeded(order, entry));
}
