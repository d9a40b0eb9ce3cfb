import { type Fact, LIMITS, type PaymentFact } from './commands.js';
import type { EventData, EventDraft } from './events.js';
import type { Authorization, Order, ReceivedFact } from './order.js';
import { later } from './time.js';

/* Facts that wait in an order, and facts that the order reflects already. */

/** How long a fact may wait before it is reported to an operator. */
const UNMATCHED_AFTER_MS = 24 * 60 * 60 * 1000;

/** All facts that were received and are not applied yet, oldest first. */
export function factsOf({ facts = [] }: Order): readonly ReceivedFact[] {
  return facts;
}

/** Facts that still wait and were not reported to an operator yet. */
export function waitingFacts(order: Order): readonly ReceivedFact[] {
  return factsOf(order).filter(({ unmatched }) => unmatched === undefined);
}

/**
 * Whether the order accepts one more waiting fact. If not, another fact must first fit or be
 * reported.
 */
export function hasRoomForFacts(order: Order): boolean {
  return waitingFacts(order).length < LIMITS.facts;
}

/** When a waiting fact is reported to an operator; ISO-8601 UTC. */
export function unmatchedAt({ receivedAt }: ReceivedFact): string {
  return later(receivedAt, UNMATCHED_AFTER_MS);
}

export function unmatchedDraft(
  { commandId, type }: ReceivedFact,
  reason: EventData['FactUnmatched']['reason'],
): EventDraft {
  return { type: 'FactUnmatched', data: { factId: commandId, fact: type, reason } };
}

/** A fact as it was received. Its type and data come from one event, so they match. */
export function factOf({ type, data }: Pick<ReceivedFact, 'type' | 'data'>): Fact {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return { type, data } as Fact;
}

/** Whether the order reflects the fact already, so there is nothing to do. */
export function reflects(order: Order, fact: Fact): boolean {
  if (fact.type === 'PaymentSettled') return reflectsPayment(order, fact.data);
  const shipment = order.shipments.find((entry) => entry.shipmentId === fact.data.shipmentId);
  if (fact.type === 'ShipmentDelivered') return shipment?.status === 'delivered';
  // A cancelled or undispatched shipment has no carrier and no tracking number. A fact with another
  // tracking number is not reflected: it waits, and an operator must look at it.
  return shipment?.carrier === fact.data.carrier && shipment.trackingNumber === fact.data.trackingNumber;
}

/**
 * For each outcome, the statuses of an authorization that do not contradict it. A late answer about
 * a payment that was voided or has expired meanwhile changes nothing.
 */
const agreeing: Readonly<Record<PaymentFact['outcome'], readonly Authorization['status'][]>> = {
  authorized: ['authorized', 'voided', 'expired'],
  declined: ['declined', 'voided', 'expired'],
};

function reflectsPayment(order: Order, { reference, authorizationId, outcome }: PaymentFact): boolean {
  if (order.owed.some(({ key }) => key === reference)) return false;
  const known = order.authorizations.find((entry) => entry.authorizationId === authorizationId);
  if (known === undefined) return false;
  const isUnwanted = outcome === 'declined' && known.status === 'pending' && known.retired;
  return isUnwanted || agreeing[outcome].includes(known.status);
}
